/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/log.h"

/* The events an administrator cares about: each has a MESSAGE_ID, and an entry in systemd/gradebook.catalog that
 * journalctl -x shows (a test holds the two against each other). The ids were made with "systemd-id128 new". */
#define EVENT_TABLE(X) \
        X(READY, "f5e5e823518e496ea1745c58b37b4fd6") \
        X(STOPPED, "403e6a93d15c420eb70e4b679d44afe0") \
        X(CONFIG_INVALID, "674db33775cc448e977a9f10584d3e79") \
        X(CONFIG_RELOADED, "79596ee1d5014bcaace9db0e718d8a44") \
        X(NO_SOCKET, "37600a57e6d745f69e0307422524fc5b") \
        X(INSTANCE_REFUSED, "443adf36995c4580a28aac33d0b72a4c") \
        X(AUTHENTICATION_OFF, "590fe45913cb46f48ba722978aea3ae2") \
        X(CERTIFICATE_EXPIRES, "62c1970aa3f54d338c7af81b553b1746") \
        X(REGISTERED, "d96275ef38d848be8b9eddcdc494fea6") \
        X(REGISTRY_LOST, "1a6745270adb4ebab6d005aeb6d96dba") \
        X(PROVIDER_ADDED, "6ee761fb259c471c931bd297097a1f12") \
        X(PROVIDER_REMOVED, "61e84d4c16434a80b2c447b6761f2a62") \
        X(PROVIDER_EJECTED, "6f1b595323054def8d12d03b8cd5bb89") \
        X(PROVIDER_RETURNED, "b1286fa894374b4f83fe3f91c4c5f7cc") \
        X(BREAKER_OPENED, "cda9c1444bd844ab9d5ebb7c9078d733") \
        X(BREAKER_CLOSED, "eb0dfd0ccba7428c966c086ad3fac990") \
        X(LOG_LINES_DROPPED, "b8ab2aeca6f249c3a885c51a02c22352") \
        X(LOG_LINES_REFUSED, "073ad260608b40b5b79adc83aaf55c56") \
        X(STORE_FAILED, "e3df94bcadb7488ba5d826d4aa3dd435") \
        X(STORE_RECOVERED, "5a24676232af41f590f19f83497cb19f") \
        X(SERVICE_REGISTERED, "bfcfaa682493488d933aa0d04e9b2d47") \
        X(SERVICE_DEREGISTERED, "a9162d09f9b341f39d8dea472f00ab83") \
        X(SERVICE_CRITICAL, "dbc8dbe097704c4db101c6b8f651513d") \
        X(SERVICE_PASSING, "c5217bf1b6494a99a381315083343abd") \
        X(SERVICE_FORGOTTEN, "a24b4205830a49fabaa245c7306a4ab1") \
        X(ADMINISTERED, "7ed246b9606642e5b2d009adf6c798a2") \
        X(SERVICE_SUSPECT, "04796d684608434f84564410897325c7") \
        X(SERVICE_DRAINING, "7c0106c67bc54cc8b67ee2fa13662af0") \
        X(SERVICE_HELD, "89b0674f304b48b5b2d846362669e5b3") \
        X(SERVICE_RELEASED, "5b53532724f6443894de386e6d9b2dbb") \
        X(REGISTRY_SLEPT, "648cd8a06f15472a8e1ca96fc084cbcc") \
        X(PATCH_FAILED, "a56980eca0184244958ac56c1acc2202") \
        X(GRADE_ADDED, "97125db863b84684b72d33e818cb4623") \
        X(STUDENT_ADDED, "1eff6fd2e613431991b0e215be5c9f29") \
        X(RECORD_CHANGED, "fa37b59af0a942d2aa6562dc9332bde7") \
        X(GRADES_RESTORED, "3c4055d440dd44f08a14f3d16915764e") \
        X(GRADES_DAMAGED, "3f287451c76a417a8f7d9d8d34b7fcfa") \
        X(IMPORTED, "cae3fdfa5c6e49f9b342d0bed3c20a22") \
        X(LEDGER_ANCHOR, "6e815e77d4f24d69abf1121464fb4c7e") \
        X(SIGNED_IN, "0bfa05cd905549718c46b6f05474772f") \
        X(SIGNED_OUT, "4893d595a8614309843e3fcf319e97b5") \
        X(SIGN_IN_FAILED, "99c45ff3d1a446c1b453664816e42803") \
        X(SETUP_NEEDED, "8e46a6a238d44319b4ad3423585d8ba7") \
        X(LOCKED, "448cd200f04b4783832985f865d2234e") \
        X(UNLOCKED, "c3a11b3b5db94846bef8cf9a36917871") \
        X(LOG_DAMAGED, "2aa1eec0e77149ea9c43b98489449177") \
        X(LOG_GAP, "55c4e26af87544788d021b3f5b097c7e") \
        X(LOG_SUPPRESSED, "aab661ae53614abd95ab8f0c194ab137") \
        X(ETCD_AWAY, "f684c6b26cc542dd916a64d09c9950fc") \
        X(ETCD_BACK, "8606f9e543c5432b932a878831c7d67a") \
        X(TAKEN_OVER, "17588ea40b3c407b8a298f8cbdb5325c") \
        X(LOG_ROTATED, "8df55e712767488bac0e83386d8cc52d")

#define EVENT_ENUM(name, id) EVENT_##name,
typedef enum Event {
        EVENT_TABLE(EVENT_ENUM)
        _EVENT_MAX,
} Event;
#undef EVENT_ENUM

const char *event_id(Event event);      /* 32 hex digits */

/* One line with the event's MESSAGE_ID and fields: log_event(LOG_NOTICE, EVENT_READY, fields, n, "…"). */
#define log_event(priority, event, fields, n_fields, ...) log_full(priority, event_id(event), fields, n_fields, __VA_ARGS__)

/* The same for this machine's journal alone. */
#define log_event_local(priority, event, fields, n_fields, ...) log_local(priority, event_id(event), fields, n_fields, __VA_ARGS__)
