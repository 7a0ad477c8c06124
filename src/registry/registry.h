/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/catalog.h"
#include "registry/conf.h"
#include "registry/damping.h"
#include "registry/health.h"
#include "registry/pulse.h"
#include "registry/store.h"
#include "runtime/service.h"

typedef struct Registry Registry;
typedef struct Instance Instance;
typedef struct Waiter Waiter;
typedef struct PendingWrite PendingWrite;
typedef struct Discovery Discovery;
typedef struct Source Source;
typedef struct Discovery Discovery;

/* What outlives the registrations of an address: history.c. */
typedef struct History {
        char *url;                      /* the key: ServiceURL */
        Damping damping;
        bool draining;
        UT_hash_handle hh;
} History;

/* A registered service. Its address is its key; it is what is probed, and what is pushed to. */
struct Instance {
        Registry *registry;
        char *url;                      /* the key: ServiceURL */
        Registration *registration;
        char *process;                  /* "Gradebook-Instance:" of its last registration; NULL: the peer does not say */
        Record *record;                 /* what dependants shall know of it */
        History *history;               /* NULL: nothing to say */
        bool owned;                     /* we heartbeat it, and push to it: always, unless registries share it (share.c) */
        uint64_t stamp;                 /* of its registration, see store.h */
        char *keeper;                   /* the registry that took it; NULL: we are alone */
        Source *source;                 /* limits.c: who registered it; NULL: unknown since the registry started anew */
        bool held;                      /* hold.c: dependants do without it until it is calm */
        bool announced;                 /* its own first patch has been tried: dependants may know it */

        /* heartbeat.c */
        Health health;
        uint64_t since_usec;            /* realtime: since when it is passing, critical or draining */
        uint64_t silent_usec;           /* monotonic: since when it says nothing; 0: it was heard */
        uint64_t checked_usec;          /* realtime; 0: never */
        uint64_t rtt_usec;
        char *last_error;               /* of the last probe; NULL: it succeeded */
        HttpTarget *probe_target;       /* its HeartbeatURL; NULL: not asked yet */
        HttpCall *probe;
        bool connection_lost;           /* the probe under way is because of that */
        bool closes_idle;               /* it ends connections while it lives: that says nothing of it */
        sd_event_source *probe_timer;

        /* push.c */
        Position position;              /* what it knows, as a dependant */
        HttpTarget *push_target;        /* its ServiceUpdateURL; NULL: nothing was sent yet */
        HttpCall *push;
        uint64_t pushing;               /* what it will know when the push succeeds */
        uint64_t behind_usec;           /* monotonic: since when it lacks what is being pushed; 0: it lacks nothing */
        uint64_t again_usec;            /* likewise for what came while a push was under way */
        unsigned push_failures;         /* in a row */
        sd_event_source *push_timer;
        Waiter *waiters;                /* registrations whose answer waits for the push */
        bool synced;                    /* has had its first patch */
        StoreSettled recovered;         /* what the last run says that all know of it; while the registry starts */
        uint64_t unsynced_mark;         /* what has to be on disk before it is answered without having had it; 0: nothing */
        uint64_t wanted;                /* what its first patch has to contain: changes up to this one */
        bool tried;                     /* its first patch has failed, and the answer waits for the disk */

        uint64_t push_until_usec;       /* monotonic: it registered here, but is another registry's from then on */
        bool enlisted;                  /* in the registry's list of dependants */
        Instance *dependant_prev, *dependant_next;

        UT_hash_handle hh;
};

typedef struct RegistryCounters {
        uint64_t heartbeats[3];         /* by HealthOutcome */
        uint64_t patches_sent;
        uint64_t patches_failed;
        uint64_t forgotten;
        MetricHistogram rtt;            /* of the probes that succeeded */
        MetricHistogram lag;            /* from a change to its acknowledgement by a dependant */
        uint64_t views_same, views_sent; /* answers to registrations */
} RegistryCounters;

/* The last patch that was made: most dependants get the same one. */
typedef struct PushCache {
        Registration *registration;     /* whose requirements it answers */
        Position position;
        uint64_t missing, head;         /* what is in it: catalog_missing(), up to head */
        char *text;
        size_t size;
} PushCache;

struct Registry {
        Runtime *rt;
        Store *store;
        Catalog *catalog;
        Discovery *discovery;           /* what is pulled; made before the instances, freed after them */
        Instance *instances;            /* uthash by ServiceURL */
        PendingWrite *pending;          /* uthash by ServiceURL: registrations on their way to the disk */
        bool started_empty;
        uint64_t started_usec;          /* monotonic */
        Pulse pulse;
        uint64_t heard_usec;            /* monotonic: when any of those probed was heard last */
        bool deaf;                      /* one would be critical if anybody else had been heard */
        sd_event_source *pulse_source;
        History *histories;             /* uthash by ServiceURL */
        uint64_t swept_usec;
        size_t n_suppressed;            /* histories */
        size_t n_held;                  /* instances */
        sd_event_source *hold_source;
        sd_event_source *review_source; /* of a store that is shared, see share.c */
        Source *sources;                /* uthash by address */
        bool stopping;
        RegistryCounters counters;

        PushCache push_cache;
        Instance *dependants;           /* who may lack a change, now or later: push_enlist() */
        sd_event_source *push_source;

        Record *marked;                 /* marks.c */
        size_t n_stale;                 /* of them: rows that are out of date */
        uint64_t last_mark, saved_mark; /* numbers of mark_now() */
        size_t saving;                  /* writes of marks under way */
        sd_event_source *mark_source;
        bool store_failed;
        bool shared;                    /* there may be other registries: share.c */
        bool shared_seen;               /* what other registries know has been here since the start, or there are none */
        size_t n_registries;            /* when store_owns() changed last */
        uint64_t last_stamp;
};

/* "here": etcd is away, and only this registry has it yet. */
#define KEPT_HEADER "Gradebook-Kept"

static inline const RegistryConfig *registry_config(const Registry *g) {
        return g->rt->config;
}

static inline HealthRules instance_rules(const Instance *i) {
        return registry_config_rules(registry_config(i->registry), i->registration);
}

/* registry.c: the hooks of the service table */
int registry_new(Runtime *rt, void **ret);
int registry_reload(void *service, const void *old);
void registry_stop(void *service);
void registry_status(void *service, Buffer *out);
void *registry_free(void *service);

/* instance.c */
Instance *instance_find(const Registry *g, const char *url);
int instance_new(Registry *g, Registration *registration, Instance **ret);     /* takes the registration on success */
Instance *instance_free(Instance *i);           /* answers who waits, tells nobody else */
int instance_target(HttpTarget **target, const char *url);      /* sees to it that it is that URL's; 0, -ENOMEM, -EINVAL */
size_t instance_count(const Registry *g);
size_t instance_count_owned(const Registry *g);
void instance_count_states(const Registry *g, size_t ret[static HEALTH_FORGOTTEN]);     /* by HealthState */
/* Gives it the record of its name, and takes it from the name it had before. -ENOMEM */
int instance_bind(Instance *i);
/* The instance of a registration, which it takes: a new one, or the one at its URL, whose former registration goes. On failure a new one is not there. -ENOMEM */
int instance_take(Registry *g, Registration **registration, const char *process, Instance **ret);
/* Brings what dependants see in line with its health, and has them told. */
void instance_publish(Instance *i);
void instance_show(Instance *i);        /* that for itself alone: without a look at others of its name */
/* It is gone, deregistered or forgotten: dependants are told, it is freed. */
void instance_remove(Instance *i);

/* heartbeat.c */
void heartbeat_schedule(Instance *i);           /* (re)arms its timer for health.next_usec */
void heartbeat_cancel(Instance *i);
void heartbeat_begin(Instance *i);              /* it is new, or may have been started anew */
void heartbeat_connection_lost(void *instance);         /* for HttpCallOptions.lost */
void heartbeat_doubt(Instance *i);              /* something went wrong with it elsewhere: probes it at once */

/* alibi.c. Whether a probe that got no answer accuses nobody, since we may be cut off; it began at since_usec. */
bool alibi_is_missing(Instance *i, const HealthRules *rules, uint64_t since_usec);
void alibi_heard(Instance *i);                  /* its machine at least is there, and we can be told so */

void heartbeat_start_pulse(Registry *g);
void heartbeat_watch_self(Registry *g); /* notices that we slept, and then excuses everybody */

/* share.c: several registries with one store */
int share_start(Registry *g);
bool share_has_to_know(const Instance *i, bool is_new_process); /* the others, that it registered again */
uint64_t share_stamp(Registry *g);                      /* for a registration, or its end */
void share_adopt(Instance *i, uint64_t stamp);          /* it registered here: whose it is */
bool share_may_push(const Instance *i);
const char *share_keeper(const Instance *i);            /* for store_owns() */

/* history.c. A history stays valid until the next history_get() of another address. */
History *history_find(const Registry *g, const char *url);
int history_get(Registry *g, const char *url, History **ret);   /* makes it where there is none. -ENOBUFS, -ENOMEM */
void history_drop(Registry *g, const char *url);
int history_store(Registry *g, const History *h, StoreDone done, void *userdata);      /* done NULL: a failure is logged */
int history_recover(const StoreHistory *row, void *userdata);
void history_set(const Registry *g, History *h, const StoreHistory *row);       /* as the store has it; the caller counts n_suppressed */
void history_deinit(Registry *g);

/* hold.c */
void hold_went(Registry *g, const char *url, unsigned points);
void hold_review(Registry *g, Record *of);      /* something changed among those of its name */
void hold_tick(Registry *g);
void hold_recover(Registry *g);         /* who is held, of those that were read back: nobody is told */

/* drain.c, answers the request */
void drain_service(Registry *g, const char *url, bool draining, Request *request);

/* limits.c: how much one source may. Each has answered the request where it returns false. */
bool limits_allow_change(Registry *g, Request *request);
bool limits_allow_instance(Registry *g, const Instance *i, Request *request); /* NULL: a new one */
Source *limits_source(Registry *g, const Request *request);     /* NULL: without memory */
void limits_assign(Instance *i, Source *source);                /* counts it to this one from now on; NULL: to nobody */
Source *limits_reserve(Source *source);         /* counts one more, of an instance to come; returns source. NULL is fine */
void limits_release(Source *source);            /* NULL is fine */
void limits_deinit(Registry *g);

/* targets.c: whether the client may have us talk to these addresses. request: whose certificate counts as well; NULL: none. 0, or -EBADMSG with the problem filled. */
int targets_check(const Registry *g, const Registration *r, Request *request, const char *client, Problem *problem);
bool targets_is_local(const char *client);      /* over the loopback, or a socket without addresses */

/* transition.c: what follows from a change of health, with its line in the journal. May free the instance. */
void instance_health_changed(Instance *i, HealthState old, const char *reason);
void instance_log_registered(const Instance *i, const char *what);
void instance_log_deregistered(const Instance *i, const char *client);

/* push.c */
void push_all(Registry *g);                     /* soon: every dependant that lacks something gets it */
void push_one(Instance *i);                     /* now, unless one is under way, it waits for its retry, or is critical */
void push_later(Instance *i, uint64_t usec);    /* not before; what is under way is given up */
void push_first(Instance *i, Request *request); /* all providers, now; the request is answered after it */
void push_answer(Instance *i, Request *request);        /* it registered again, and knows what it was told: answers with all there is */
/* It is looked at whenever something changed, until it turns out that nothing is ever for it. Each of several thousand that
 * depend on nobody would otherwise be looked at for each change. */
void push_enlist(Instance *i);
void push_delist(Instance *i);
void push_cancel(Instance *i);
void push_deinit(Registry *g);
bool push_is_pending(const Instance *i);

/* register.c: they answer the request */
void register_service(Registry *g, Registration *registration, Request *request);      /* takes the registration */
void deregister_service(Registry *g, const char *url, Request *request);
bool register_is_pending(const Registry *g, const char *url);  /* one of them is on its way to the disk */

/* answers.c */
void answer_registration(Registry *g, const Registration *registration, Request *request);
int instance_to_json(const Instance *i, json_object **ret);

/* discovery.c: what is pulled. */
typedef struct ServiceEvent {
        const char *event;
        const char *service_name, *service_url;
        const char *state, *old_state, *reason; /* NULL: nothing to say */
} ServiceEvent;

int discovery_new(Registry *g);                 /* discovery_free() also after a failure */
void discovery_stop(Registry *g);               /* answers who waits, ends the streams */
void discovery_free(Registry *g);
/* Something changed in what is listed: called in the turn of the loop that it happens in. Strings are borrowed. */
void discovery_note(Registry *g, const ServiceEvent *e);
void discovery_release(Registry *g, uint64_t number);   /* all up to this event is on disk */
uint64_t discovery_last(const Registry *g);
void discovery_note_instance(const Instance *i, const char *event, const char *old_state, const char *reason);
size_t discovery_count_watchers(const Registry *g);
void discovery_get_services(Registry *g, const char *name, Request *request);
void discovery_get_events(Registry *g, Request *request);

/* marks.c: what reaches the disk a moment later */
void mark_soon(Registry *g, Record *r);
void mark_acknowledged(Registry *g);            /* a dependant knows more than before */
uint64_t mark_now(Registry *g, Record *r);      /* its state changed, and somebody is about to hear of it: a number for mark_is_saved() */
/* A new registration was just put on disk, and into effect: where nothing else is on its way there, its row says what a mark of it
 * would say, and everybody is told at once instead of after a second write. */
void mark_registered(Registry *g, const Instance *i);
bool mark_is_saved(const Registry *g, uint64_t number);
void mark_flush(Registry *g);

/* restore.c: the routes of an administrator */
void backup_get(Request *request, void *service);
void restore_post(Request *request, void *service);

extern const Route registry_routes[];
extern const MetricItem registry_metrics[];
