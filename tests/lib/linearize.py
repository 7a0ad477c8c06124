# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a recorded history of concurrent operations could have happened one by one: Wing and Gong's search, with Lowe's memory of what was tried
(as porcupine does it). Histories are small: a few hundred operations of one object."""


class Operation:
    """Between called and returned (any clock that all share); result None: nobody knows whether it happened."""

    def __init__(self, called, returned, what, result):
        self.called, self.returned, self.what, self.result = called, returned, what, result

    def __repr__(self):
        return f"{self.what} -> {self.result} [{self.called:.6f}, {self.returned:.6f}]"


def linearizable(operations, initial, apply):
    """apply(state, what, result) gives the state after it, or None where it cannot have that result; states are hashable. An operation whose result is None
    may have happened at any time after its call, or never."""
    operations = sorted(operations, key=lambda o: o.called)
    n = len(operations)
    must = sum(1 << i for i, o in enumerate(operations) if o.result is not None)
    seen = set()
    stack = [(0, initial)]
    while stack:
        done, state = stack.pop()
        if done & must == must:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        # Whatever comes next was called before any that is left has returned.
        limit = min(o.returned for i, o in enumerate(operations) if not done >> i & 1 and o.result is not None)
        for i in range(n):
            if operations[i].called > limit:
                break
            if not done >> i & 1:
                after = apply(state, operations[i].what, operations[i].result)
                if after is not None:
                    stack.append((done | 1 << i, after))
    return False


def versioned_cell(state, what, result):
    """A row with a version: ("read",) gives (version, value); ("write", version, value) gives True or, where the version is another, False. State: (version, value)."""
    if what[0] == "read":
        return state if result == state else None
    happens = state[0] == what[1]
    if result is None:
        return (state[0] + 1, what[2]) if happens else None
    if result != happens:
        return None
    return (state[0] + 1, what[2]) if happens else state
