# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must be in the central log's files, judged by what its sources remember (log_sources.py)."""

import collections
import json
import pathlib
import zlib

from gradebook import raw_bytes

LOG_GAP = "55c4e26af87544788d021b3f5b097c7e"


class Line:
    def __init__(self, position, text):
        self.position = position
        mark = text.rfind(b',"CRC32":"')
        self.checksum = int(text[mark + 10:-2], 16) if mark > 0 and text.endswith(b'"}') else -1
        assert self.checksum == zlib.crc32(text[:mark]), f"at {position} is no whole line: {text[:300]}"
        self.record = json.loads(text)

    @property
    def gap(self):
        """(source, first, last), or None."""
        if self.record.get("MessageID") != LOG_GAP:
            return None
        fields = self.record["Fields"]
        return fields["GAP_SOURCE"], int(fields["GAP_FIRST"]), int(fields["GAP_LAST"])


def read_files(logs):
    """Every line, oldest first, by ordinary means. The files' names tell where each begins: nothing is between them."""
    names = sorted({path.name.split(".ndjson")[0] for path in pathlib.Path(logs).glob("log-*.ndjson*")})
    lines, position = [], int(names[0].split("-")[-1], 16) if names else 0
    for name in [*names, "central"]:
        assert name == "central" or int(name.split("-")[-1], 16) == position, f"{name} does not begin at {position}"
        text = raw_bytes(pathlib.Path(logs) / f"{name}.ndjson")
        assert not text or text.endswith(b"\n"), f"{name} ends with a torn line"
        for line in text.splitlines(keepends=True):
            lines.append(Line(position, line[:-1]))
            position += len(line)
    return lines


def read_rows(server, database):
    """The same from PostgreSQL."""
    lines, position = [], None
    for at, text in server.sql("SELECT position, line FROM gradebook_log.records ORDER BY position", database):
        lines.append(Line(int(at), text.encode()))
        assert position in (None, int(at)), f"{at} does not follow what ends at {position}"
        position = int(at) + len(text.encode()) + 1
    return lines


class Gaps:
    """Of one source: each line that is missing in front of the next one must be told before it, once. A torn commit may have told it
    already when its source gave up: then it is told in two parts."""

    def __init__(self, service):
        self.service = service
        self.highest = 0
        self.told = []
        self.all = []
        self.in_parts = 0

    def tell(self, line, first, last):
        fields = line.record["Fields"]
        assert first > self.highest and (not self.told or first == self.told[-1][1] + 1), f"{first} to {last} of {self.service} is told twice or wrong"
        assert fields["GAP_COUNT"] == str(last - first + 1) and fields["GAP_SERVICE"] == self.service, fields
        assert f"{last - first + 1} record" in line.record["Message"] and self.service in line.record["Message"], line.record
        self.told.append((first, last))
        self.all.append((first, last))

    def arrive(self, sequence, known):
        assert sequence > self.highest, f"{sequence} of {self.service} comes behind {self.highest}"
        first = max(self.highest, known) + 1
        told = [n for a, b in self.told for n in range(a, b + 1)]
        assert not told or told[-1] < sequence, f"{told} of {self.service} was told, and {sequence} is there"
        missing = list(range(first, sequence))
        assert [n for n in told if n >= first] == missing, f"{self.service}: before {sequence} is missing {missing}, told {told}"
        self.in_parts += len(self.told) > 1
        self.told = []
        self.highest = sequence


class Truth:
    def __init__(self, lines, sources=()):
        self.lines = lines
        self.sources = {s.source: s for s in sources}
        self.gaps = {}
        self.stored = collections.defaultdict(set)
        for line in lines:
            try:
                self.take(line)
            except AssertionError as e:
                raise AssertionError(f"at {line.position}: {e}") from e
        for source, gaps in self.gaps.items():
            assert not gaps.told, f"{gaps.told} of {gaps.service} is told, and nothing came that reveals it: {source}"

    def take(self, line):
        record = line.record
        if line.gap:
            source, first, last = line.gap
            self.gaps_of(source, record["Fields"]["GAP_SERVICE"]).tell(line, first, last)
        elif "Source" in record:
            self.take_numbered(record["Source"], record["Sequence"], record)

    def gaps_of(self, source, service):
        return self.gaps.setdefault(source, Gaps(service))

    def take_numbered(self, source, sequence, record):
        sender = self.sources.get(source)
        assert sequence not in self.stored[source], f"{sequence} of {record['Service']} is there twice"
        self.stored[source].add(sequence)
        if sender:
            assert sender.sent.get(sequence) == zlib.crc32(record["Message"].encode()), f"nobody sent {record}"
        if sender and sequence in sender.late:
            assert sequence < self.gaps[source].highest
            return
        self.gaps_of(source, record["Service"]).arrive(sequence, sender.known_up_to[sequence] if sender else 0)

    # ---- what is in it of each ----

    def check_numbered(self, sender):
        stored = self.stored[sender.source]
        lost = sender.acknowledged - stored
        assert not lost, f"{sender.name}: {sorted(lost)[:20]} were acknowledged and are lost"
        invented = stored & (sender.skipped - sender.late)
        assert not invented, f"{sender.name}: {sorted(invented)[:20]} were never sent"

    def check_text(self, sender):
        prefix, last = f"{sender.name} ", 0
        count = collections.Counter()
        for line in self.lines:
            if line.record["Service"] == sender.name:
                assert line.record["Message"].startswith(prefix)
                n = int(line.record["Message"].split()[1])
                count[n] += 1
                first = count[n] == 1
                assert not first or n > last, f"{sender.name}: {n} comes first behind {last}"
                last = max(n, last)
        lost = sender.acknowledged - set(count)
        assert not lost, f"{sender.name}: {sorted(lost)[:20]} were acknowledged and are lost"
        often = {n: c for n, c in count.items() if c > sender.attempts.get(n, 0)}
        assert not often, f"{sender.name}: stored more often than sent {often}"

    def check_visits(self, visitors):
        count = collections.Counter(line.record["RequestID"] for line in self.lines if " students are present" in line.record["Message"])
        for visitor in visitors:
            lost = {r for r in visitor.acknowledged if count[r] != 1}
            assert not lost, f"{visitor.name}: {[(r, count[r]) for r in sorted(lost)[:5]]} were answered, and are not there once"
            assert all(count[r] <= 1 for r in visitor.asked)

    def check_daemons(self, names):
        """Their lines are in a spool before anybody gets an answer: none is missing."""
        for source, gaps in self.gaps.items():
            assert gaps.service not in names or not gaps.all, f"of {gaps.service}, {source}, is missing {gaps.all}"
        found = {gaps.service for gaps in self.gaps.values()}
        assert set(names) <= found, f"{names} and {found}"

    def check_reader(self, reader):
        """What it saw is what is there: from where it began to where it ended."""
        there = [(line.position, line.checksum) for line in self.lines]
        seen = [(int(cursor.split("-")[1], 16), checksum) for cursor, checksum in reader.seen]
        begin = there.index(seen[0])
        assert begin <= 1, f"{type(reader).__name__} begins at line {begin}"
        wrong = [i for i, (a, b) in enumerate(zip(there[begin:], seen)) if a != b]
        assert not wrong and len(seen) <= len(there), f"{type(reader).__name__} saw {seen[wrong[0]]}, there is {there[begin + wrong[0]]}"
