/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ADDRESS_NETWORK_SIZE 8

/* Who counts as one where clients are counted: the four bytes of an IPv4 address, the first eight of an IPv6 one (a /64 network is one
 * household or one machine), from "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711", with a zone or without. An IPv4
 * address in an IPv6 one is that. Returns how many bytes; 0: it is no address. */
size_t address_network(const char *text, uint8_t ret[static ADDRESS_NETWORK_SIZE]);
