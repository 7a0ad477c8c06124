/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define V4_SIZE 4

/* The address without port, brackets and zone. False: it cannot be one. */
static bool cut_address(const char *text, char ret[static INET6_ADDRSTRLEN]) {
        const char *colon = strchr(text, ':');
        size_t n = strlen(text);

        if (*text == '[') {
                text++;
                n = strcspn(text, "]");
        } else if (colon && !strchr(colon + 1, ':')) {
                n = (size_t) (colon - text);
        }
        if (memchr(text, '%', n))
                n = strcspn(text, "%");
        if (n >= INET6_ADDRSTRLEN)
                return false;
        memcpy(ret, text, n);
        ret[n] = 0;
        return true;
}

size_t address_network(const char *text, uint8_t ret[static ADDRESS_NETWORK_SIZE]) {
        char address[INET6_ADDRSTRLEN];
        struct in6_addr v6;
        struct in_addr v4;

        if (!cut_address(text, address))
                return 0;
        if (inet_pton(AF_INET, address, &v4) == 1) {
                memcpy(ret, &v4, V4_SIZE);
                return V4_SIZE;
        }
        if (inet_pton(AF_INET6, address, &v6) != 1)
                return 0;
        if (IN6_IS_ADDR_V4MAPPED(&v6)) {
                memcpy(ret, v6.s6_addr + 12, V4_SIZE);
                return V4_SIZE;
        }
        memcpy(ret, v6.s6_addr, ADDRESS_NETWORK_SIZE);
        return ADDRESS_NETWORK_SIZE;
}
