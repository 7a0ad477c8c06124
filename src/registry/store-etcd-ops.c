/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/store-etcd.h"
#include "wire/json.h"

#define OPS_MAX 20000
#define SEND_TIMEOUT_USEC (2500 * USEC_PER_MSEC)        /* an election takes up to two seconds */
#define WAIT_USEC USEC_PER_SEC                          /* for the watch; then the answer of the transaction has to do */

static Op *op_free(Op *op) {
        if (!op)
                return NULL;

        value_deinit(&op->value);
        value_deinit(&op->former);
        free(op->key);
        free(op);
        return NULL;
}
DEFINE_CLEANUP(Op, op_free);

static void op_end(Op *op, int result) {
        EtcdStore *s = op->store;

        DL_DELETE(s->ops, op);
        s->n_ops--;
        if (op->done)
                op->done(result, op->userdata);
        op_free(op);
}

/* ---- what becomes of it ---- */

/* *ret_former, the caller's, is what it was. */
static int put_entry(EtcdStore *s, const Op *op, Entry **ret, Value *ret_former) {
        Value value;

        int r = etcd_entry_get(s, op->key, ret);
        if (r >= 0)
                r = value_copy(&op->value, &value);
        if (r < 0)
                return r;
        *ret_former = (*ret)->value;
        (*ret)->value = value;
        return 0;
}

/* Etcd has it. */
static void op_succeed(Op *op, uint64_t revision) {
        EtcdStore *s = op->store;
        Entry *e;

        if (op->drops) {
                e = etcd_entry_find(s, op->key);
                if (e && value_is_void(&e->value))
                        etcd_entry_drop(s, e);
                op_end(op, 0);
                return;
        }
        int r = put_entry(s, op, &e, &op->former);
        if (r < 0) {
                op_end(op, r);
                return;
        }
        e->revision = revision > e->revision ? revision : e->revision;
        e->shared_state = e->value.state;
        etcd_entry_set_unshared(s, e, false);
        if (!op->conditional)
                etcd_store_copy(s, e);
        op_end(op, 0);
}

/* What was before the one is what was before the other, too: the one in between is nothing. */
static void pass_former(Op *from, Op *to) {
        value_deinit(&to->former);
        to->former = from->former;
        to->was_known = from->was_known;
        to->was_unshared = from->was_unshared;
        from->former = VALUE_NULL;
}

/* The copy cannot take it: all is as it was. */
static void take_back(Op *op, Entry *e) {
        EtcdStore *s = op->store;

        for (Op *later = op->next; later; later = later->next)
                if (later->is_kept && strcmp(later->key, op->key) == 0) {
                        pass_former(op, later);
                        return;
                }
        if (!op->was_known) {
                etcd_entry_drop(s, e);
                return;
        }
        value_deinit(&e->value);
        e->value = op->former;
        op->former = VALUE_NULL;
        etcd_entry_set_unshared(s, e, op->was_unshared);
}

static void on_kept(int result, void *userdata) {
        Op *op = userdata;
        EtcdStore *s = op->store;
        Entry *e = etcd_entry_find(s, op->key);
        /* Etcd may be back, and have brought what is newer: that was told already, but is what holds. */
        bool overtaken = e && !e->unshared && etcd_entry_stamp(&e->value) != etcd_entry_stamp(&op->value);

        if (result < 0 && e && !overtaken)
                take_back(op, e);
        op_end(op, result < 0 ? result : STORE_KEPT_HERE);
        if (overtaken && result >= 0 && !s->stopping)
                etcd_store_tell(s, e);
        if (s->ops)
                ops_send_soon(s);
}

/* Only this machine has it, on its disk. A state that was found is found again, and what is to be dropped can wait. */
static void op_keep_here(Op *op) {
        EtcdStore *s = op->store;
        Entry *e = etcd_entry_find(s, op->key);

        if (op->drops || op->conditional) {
                op_end(op, STORE_KEPT_HERE);
                return;
        }
        op->was_known = e;
        op->was_unshared = e && e->unshared;
        int r = put_entry(s, op, &e, &op->former);
        if (r < 0) {
                op_end(op, r);
                return;
        }
        etcd_entry_set_unshared(s, e, true);
        op->is_kept = true;
        r = etcd_store_keep(s, e, on_kept, op);
        if (r < 0)
                on_kept(r, op);
}

void ops_keep_here(EtcdStore *s) {
        Op *op, *next;

        DL_FOREACH_SAFE(s->ops, op, next)
                if (op->committed > 0)
                        op_succeed(op, op->committed);
                else if (!op->is_sent && !op->is_kept)
                        op_keep_here(op);
}

bool ops_confirm(EtcdStore *s, const char *key, const Value *value, uint64_t revision) {
        Op *op;

        DL_FOREACH(s->ops, op)
                if ((op->is_sent || op->committed > 0) && !op->drops && strcmp(op->key, key) == 0 && value_equal(&op->value, value)) {
                        op_succeed(op, revision);
                        return true;
                }
        return false;
}

void ops_reached(EtcdStore *s, uint64_t revision) {
        Op *op, *next;

        DL_FOREACH_SAFE(s->ops, op, next)
                if (op->committed > 0 && op->committed <= revision)
                        op_succeed(op, op->committed);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata) {
        EtcdStore *s = userdata;
        uint64_t now = clock_monotonic_usec();
        bool more = false;
        Op *op, *next;

        DL_FOREACH_SAFE(s->ops, op, next) {
                if (op->committed == 0)
                        continue;
                if (op->committed_usec + WAIT_USEC <= now)
                        op_succeed(op, op->committed);
                else
                        more = true;
        }
        if (more) {
                (void) sd_event_source_set_time_relative(source, WAIT_USEC / 4);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

static void op_committed(Op *op, uint64_t revision) {
        EtcdStore *s = op->store;

        if (!etcd_watch_is_up(s->watch) || etcd_watch_revision(s->watch) >= revision || op->value.is_history || op->drops) {
                op_succeed(op, revision);
                return;
        }
        op->committed = revision;
        op->committed_usec = clock_monotonic_usec();
        int r = s->wait_source ? sd_event_source_set_time_relative(s->wait_source, WAIT_USEC) :
                                 sd_event_add_time_relative(s->event, &s->wait_source, CLOCK_MONOTONIC, WAIT_USEC, USEC_PER_MSEC, on_waited, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->wait_source, SD_EVENT_ONESHOT);
        if (r < 0)
                op_succeed(op, revision);
}

/* ---- the transactions: one under way, what comes meanwhile goes with the next ---- */

static void send(EtcdStore *s);

static int on_send(sd_event_source *source, void *userdata) {
        send(userdata);
        return 0;
}

void ops_send_soon(EtcdStore *s) {
        if (s->is_sending)
                return;
        int r = s->send_source ? sd_event_source_set_enabled(s->send_source, SD_EVENT_ONESHOT) :
                                 sd_event_add_defer(s->event, &s->send_source, on_send, s);
        if (r < 0)
                log_error("Cannot write to etcd: %s", strerror(-r));
}

/* Those of the transaction that ended. A write of ours that the watch has confirmed already is none any more. */
static void end_sent(EtcdStore *s, int result, json_object *answer) {
        uint64_t revision = answer ? etcd_revision(answer) : 0;
        Op *op, *next;

        DL_FOREACH_SAFE(s->ops, op, next) {
                if (!op->is_sent || op->committed > 0)
                        continue;
                op->is_sent = false;
                if (result >= 0 && op->conditional && !etcd_txn_done(answer, op->place))
                        op_end(op, 0);
                else if (result >= 0)
                        op_committed(op, revision);
                else if (result == -ENOENT && !op->is_repeated)
                        op->is_repeated = true; /* with a lease that is made anew */
                else if (result == -ENOSPC || result == -ENOMEM)
                        op_end(op, result);
                else
                        op_keep_here(op);
        }
}

static void on_sent(int result, json_object *answer, void *userdata) {
        EtcdStore *s = userdata;

        s->is_sending = false;
        if (result == -ENOENT)
                members_lose_long_lease(s->members);
        end_sent(s, result, answer);
        etcd_store_settle(s);
        if (result < 0 && result != -ENOENT && result != -ECANCELED && result != -ENOSPC && result != -ENOMEM)
                etcd_store_lost(s, result);
        if (s->ops && result != -ECANCELED)
                ops_send_soon(s);
}

static int add_op(const EtcdStore *s, const Op *op, json_object *txn) {
        _cleanup_(freep) char *key = NULL, *text = NULL;

        if (asprintf(&key, "%s%s", s->prefix, op->key) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        if (op->drops)
                return etcd_txn_delete(txn, key);
        const Entry *e = etcd_entry_find(s, op->key);
        int64_t lease = members_long_lease(s->members);
        int r = value_to_text(&op->value, &text);
        if (r < 0)
                return r;
        return op->conditional ? etcd_txn_put_if(txn, key, text, lease, e ? e->revision : 0) : etcd_txn_put(txn, key, text, lease);
}

static bool is_before(const EtcdStore *s, const char *key, const Op *end) {
        for (const Op *op = s->ops; op && op != end; op = op->next)
                if (strcmp(op->key, key) == 0)
                        return true;
        return false;
}

bool ops_has(const EtcdStore *s, const char *key) {
        return is_before(s, key, NULL);
}

/* Of a registration that has been replaced or ended meanwhile nobody wants to know how it was. */
static bool is_obsolete(const EtcdStore *s, const Op *op) {
        const Entry *e = etcd_entry_find(s, op->key);

        return op->conditional && !op->value.is_history && (!e || e->value.gone != op->value.gone || e->value.stamp != op->value.stamp);
}

/* Up to so many that there are, each key once. */
static void send(EtcdStore *s) {
        _cleanup_(json_unrefp) json_object *txn = NULL;
        size_t n = 0;
        Op *op, *next;

        if (s->is_sending || s->stopping)
                return;
        if (s->why) {
                ops_keep_here(s);
                return;
        }
        if (!members_has_long_lease(s->members))
                return;         /* which is said when there is one */
        int r = etcd_txn_message(&txn);
        DL_FOREACH_SAFE(s->ops, op, next) {
                if (r < 0 || n >= ETCD_OPS_MAX)
                        break;
                if (op->committed > 0 || op->is_kept || is_before(s, op->key, op))
                        continue;
                if (is_obsolete(s, op)) {
                        op_end(op, 0);
                        continue;
                }
                r = add_op(s, op, txn);
                op->is_sent = true;
                op->place = n++;
        }
        if (n == 0)
                return;
        if (r >= 0)
                r = etcd_call(s->etcd, "/kv/txn", TAKE_PTR(txn), SEND_TIMEOUT_USEC, on_sent, s);
        if (r >= 0)
                s->is_sending = true;
        else
                end_sent(s, r, NULL);
}

static int op_add(EtcdStore *s, const Op *wanted, Value *value) {
        _cleanup_(op_freep) Op *op = NULL;

        if (s->n_ops >= OPS_MAX)
                return -EBUSY;
        op = calloc(1, sizeof(Op));
        if (!op)
                return -ENOMEM;
        *op = *wanted;
        op->store = s;
        op->key = NULL;
        int r = text_replace(&op->key, wanted->key);
        if (r < 0)
                return r;

        if (value) {
                op->value = *value;
                *value = VALUE_NULL;
        }
        DL_APPEND(s->ops, op);
        s->n_ops++;
        (void) TAKE_PTR(op);
        ops_send_soon(s);
        return 0;
}

int ops_put(EtcdStore *s, const char *key, Value *value, StoreDone done, void *userdata) {
        return op_add(s, &(Op) { .key = (char *) key, .done = done, .userdata = userdata }, value);
}

int ops_put_if(EtcdStore *s, const char *key, Value *value, StoreDone done, void *userdata) {
        return op_add(s, &(Op) { .key = (char *) key, .conditional = true, .done = done, .userdata = userdata }, value);
}

int ops_drop(EtcdStore *s, const char *key) {
        return op_add(s, &(Op) { .key = (char *) key, .drops = true }, NULL);
}
