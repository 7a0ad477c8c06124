/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "portal/assets.h"
#include "portal/feed.h"
#include "portal/gateway.h"
#include "portal/language.h"
#include "portal/templates.h"
#include "runtime/service.h"

/* When the pages need a session. */
typedef enum SignIn {
        SIGN_IN_AUTO,                   /* as soon as there is an administrator */
        SIGN_IN_ALWAYS,
} SignIn;

typedef struct PortalConfig {
        char *data_directory;           /* [Portal] DataDirectory= */
        char *site_name;                /* [Portal] SiteName= */
        int sign_in;                    /* [Portal] SignIn= */
        bool https;                     /* [Portal] HTTPS=: people come over TLS, by way of a proxy */
        uint64_t retry_usec;            /* [Portal] RetrySec= */
        uint64_t cache_bytes;           /* [Portal] CacheMax= */
        uint64_t gateway_usec;          /* [Gateway] TimeoutSec= */
        uint64_t gateway_body_bytes;    /* [Gateway] GatewayMaxBody= */
        char *open_services;            /* [Gateway] OpenServices= */
        uint64_t account_usec;          /* [Gateway] AccountCacheSec= */
        uint64_t rate_per_sec;          /* [Gateway] ClientRate= */
        uint64_t rate_burst;            /* [Gateway] ClientBurst= */
        uint64_t at_once;               /* [Gateway] ClientRequests= */
        uint64_t breaker_failures;      /* [Gateway] BreakerFailures= */
        uint64_t breaker_percent;       /* [Gateway] BreakerPercent= */
        uint64_t breaker_requests;      /* [Gateway] BreakerRequests= */
        uint64_t breaker_window_usec;   /* [Gateway] BreakerWindowSec= */
        uint64_t breaker_open_usec;     /* [Gateway] BreakerOpenSec= */
} PortalConfig;

extern const ConfigItem portal_config[];
extern const Route portal_routes[];
extern const MetricItem portal_metrics[];

#define GRADING_SERVICE "GradingService"
#define FORM_BODY_MAX (16u << 10)

typedef struct Cluster Cluster;
typedef struct LogFollower LogFollower;

typedef struct Portal {
        Runtime *rt;
        Languages *languages;
        Templates *templates;
        Assets *assets;
        Feed *feed;
        Gateway *gateway;
        Cluster *cluster;
        LogFollower *log_followers;
        size_t n_log_followers;
        uint64_t pages;                 /* rendered */
        unsigned uploads;               /* forms with a table that are in memory: upload.h */
        uint64_t grades_added;
        bool grading_failed;            /* the last request to grading did */
} Portal;

static inline const PortalConfig *portal_conf(const Portal *p) {
        return p->rt->config;
}

/* Whether browsers come over TLS: to a proxy, or to us. */
static inline bool portal_is_https(const Portal *p) {
        return portal_conf(p)->https || p->rt->is_tls;
}

/* portal.c: the service's hooks */
int portal_new(Runtime *rt, void **ret);
int portal_reload(void *service, const void *old);
void portal_stop(void *service);
void portal_status(void *service, Buffer *out);
void *portal_free(void *service);

/* The outcome of a request to grading, error and status as in FeedAnswer: logs when it stops answering and when it does
 * again, not every request meanwhile. */
void portal_note_grading(Portal *p, int error, unsigned status);

/* Handlers, in the files that are named after what they serve. */
void get_root(Request *r, void *service);
void get_students(Request *r, void *service);
void get_student(Request *r, void *service);
void post_grade(Request *r, void *service);
void get_sign_in(Request *r, void *service);
void post_sign_in(Request *r, void *service);
void post_sign_out(Request *r, void *service);
void post_sign_out_everywhere(Request *r, void *service);
void get_password(Request *r, void *service);
void post_password(Request *r, void *service);
void get_setup(Request *r, void *service);
void post_setup(Request *r, void *service);
void get_language(Request *r, void *service);
