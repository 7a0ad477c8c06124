/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/common-config.h"
#include "runtime/config-files.h"
#include "runtime/config.h"

/* Real files below a directory of each test's own; what is logged is kept. */
typedef struct Fixture {
        char directory[32];
        Buffer log;
} Fixture;

typedef struct Settings {
        char *name;
        bool enabled;
        uint64_t students;
        uint64_t wait_usec;
        uint64_t cache_bytes;
        int mode;
        char *url;
} Settings;

static const char *const modes[] = { "fast", "safe", "both", NULL };

static const ConfigItem items[] = {
        { "Main", "Name", CONFIG_TEXT, offsetof(Settings, name), "school" },
        { "Main", "Enabled", CONFIG_BOOL, offsetof(Settings, enabled), "no" },
        { "Main", "MaxStudents", CONFIG_UINT, offsetof(Settings, students), "5000", .min = 1, .max = 1000000 },
        { "Store", "WaitSec", CONFIG_SPAN, offsetof(Settings, wait_usec), "5s", .min = USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC },
        { "Store", "CacheMax", CONFIG_SIZE, offsetof(Settings, cache_bytes), "64M", .min = 1 << 20, .max = 1 << 30 },
        { "Store", "Mode", CONFIG_CHOICE, offsetof(Settings, mode), "safe", .choices = modes },
        { "Store", "PeerURL", CONFIG_URL, offsetof(Settings, url), "" },
        CONFIG_END,
};

static void keep(const LogLine *line, void *userdata) {
        Fixture *f = userdata;

        (void) buffer_printf(&f->log, "%d %s\n", line->priority, line->message);
}

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->directory, "/tmp/test-config-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        log_add_sink(keep, f);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[64];

        log_remove_sink(keep, f);
        (void) snprintf(command, sizeof(command), "rm -rf %s", f->directory);
        assert_int_equal(system(command), 0);
        buffer_deinit(&f->log);
        free(f);
        return 0;
}

static void write_bytes(Fixture *f, const char *name, const char *data, size_t size) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", f->directory, name);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        assert_int_equal(file_replace(path, data, size, 0644), 0);
}

static void write_text(Fixture *f, const char *name, const char *text) {
        write_bytes(f, name, text, strlen(text));
}

static int load(Fixture *f, Settings *s) {
        *s = (Settings) {};
        buffer_clear(&f->log);
        return config_load(items, "unit", f->directory, s);
}

/* Loads this text, which must give that result and exactly these lines of log ("@" is the file). */
static void check(Fixture *f, const char *text, int result, const char *log) {
        char path[128];
        Buffer expected = BUFFER_NULL;
        Settings s;
        int r;

        write_text(f, "unit.conf", text);
        (void) snprintf(path, sizeof(path), "%s/unit.conf", f->directory);
        for (const char *p = log; *p; p++) {
                if (*p == '@')
                        assert_int_equal(buffer_puts(&expected, path), 0);
                else
                        assert_int_equal(buffer_append(&expected, p, 1), 0);
        }
        r = load(f, &s);
        assert_string_equal(buffer_text(&f->log), buffer_text(&expected));
        assert_int_equal(r, result);
        config_free_items(items, &s);
        buffer_deinit(&expected);
}

static void test_defaults(void **state) {
        Settings s;

        assert_int_equal(load(*state, &s), 0);
        assert_string_equal(s.name, "school");
        assert_false(s.enabled);
        assert_int_equal(s.students, 5000);
        assert_int_equal(s.wait_usec, 5 * USEC_PER_SEC);
        assert_int_equal(s.cache_bytes, 64 << 20);
        assert_int_equal(s.mode, 1);
        assert_string_equal(s.url, "");
        config_free_items(items, &s);
        assert_null(s.name);
}

static void test_values(void **state) {
        Fixture *f = *state;
        Settings s;

        write_text(f, "unit.conf",
                   "# a comment\r\n; another\n\n  # indented\n[Main]\nName = Two words  \r\n Enabled=yes\nMaxStudents=7\n"
                   "[Store]\nWaitSec=1min 30s\nCacheMax=\"128M\"\nMode=BOTH\n[Main]\n[Store]\nPeerURL=http://[::1]:80/x?no=1");
        assert_int_equal(load(f, &s), -EINVAL);
        assert_non_null(strstr(buffer_text(&f->log), ":15: PeerURL=http://[::1]:80/x?no=1: an http or https URL is needed"));
        assert_string_equal(s.name, "Two words");
        assert_true(s.enabled);
        assert_int_equal(s.students, 7);
        assert_int_equal(s.wait_usec, 90 * USEC_PER_SEC);
        assert_int_equal(s.cache_bytes, 128 << 20);
        assert_int_equal(s.mode, 2);
        assert_string_equal(s.url, "");
        config_free_items(items, &s);
}

static void test_bad_values(void **state) {
        Fixture *f = *state;

        check(f, "[Main]\nMaxStudents=many\n", -EINVAL, "3 @:2: MaxStudents=many: a whole number from 1 to 1000000 is needed\n");
        check(f, "[Main]\nMaxStudents=0\n", -EINVAL, "3 @:2: MaxStudents=0: a whole number from 1 to 1000000 is needed\n");
        check(f, "[Main]\nMaxStudents=99999999999999999999\nEnabled=maybe\n", -EINVAL,
              "3 @:2: MaxStudents=99999999999999999999: a whole number from 1 to 1000000 is needed\n"
              "3 @:3: Enabled=maybe: yes or no is needed\n");
        check(f, "[Store]\nWaitSec=soon\nCacheMax=1K\n\nMode=slow\n", -EINVAL,
              "3 @:2: WaitSec=soon: a time span from 1ms to 1h, such as 5s or 1min 30s, is needed\n"
              "3 @:3: CacheMax=1K: a size from 1M to 1G, such as 64M, is needed\n"
              "3 @:5: Mode=slow: fast, safe or both is needed\n");
}

static void test_unknown(void **state) {
        Fixture *f = *state;

        check(f, "[Main]\nFoo=1\n", 0, "4 @:2: unknown key Foo= in section [Main], ignored\n");
        check(f, "[Main]\nMaxStudent=1\n", 0,
              "4 @:2: unknown key MaxStudent= in section [Main], ignored (did you mean MaxStudents=?)\n");
        check(f, "[Main]\nWaitSec=1\n", 0,
              "4 @:2: unknown key WaitSec= in section [Main], ignored (it belongs into section [Store])\n");
        check(f, "[Stroe]\nMode=fast\n", 0, "4 @:1: unknown section [Stroe], ignored (did you mean [Store]?)\n");
        check(f, "[Elsewhere]\nA=1\nB=2\n", 0, "4 @:1: unknown section [Elsewhere], ignored\n");
}

static void test_malformed(void **state) {
        Fixture *f = *state;
        Buffer text = BUFFER_NULL;

        check(f, "[Main]\nEnabled\n", -EINVAL, "3 @:2: '=' is missing: a line is [Section], Key=value or a # comment\n");
        check(f, "Name=x\n[Main]\n", -EINVAL, "3 @:1: this key stands before the first [Section]\n");
        check(f, "[Main]\nName=x\nName=y\n", -EINVAL,
              "3 @:3: this key was given before, in the same section of this file\n");
        check(f, "[Main\nName=x\n", -EINVAL,
              "3 @:1: a section is opened by its name in brackets, alone on its line: [Name]\n"
              "3 @:2: this key stands before the first [Section]\n");
        check(f, "[Main] # here\n", -EINVAL, "3 @:1: a section is opened by its name in brackets, alone on its line: [Name]\n");
        check(f, "[]\n", -EINVAL, "3 @:1: a section is opened by its name in brackets, alone on its line: [Name]\n");
        check(f, "[Main]\n=x\n", -EINVAL,
              "3 @:2: the name before '=' is not one: letters, digits, '-' and '_' are allowed\n");
        check(f, "[Main]\nMaxStudents=5 # all\n", -EINVAL,
              "3 @:2: a value cannot contain '#' or ';': a comment needs a line of its own\n");
        check(f, "[Main]\nName=\"x\n", -EINVAL, "3 @:2: the closing quotation mark is missing\n");
        check(f, "[Main]\nName=x\n  y\n", -EINVAL, "3 @:3: '=' is missing: a line is [Section], Key=value or a # comment\n");
        check(f, "[Main]\nName=\xff\n", -EINVAL, "3 @:2: the text is not valid UTF-8\n");
        check(f, "\xef\xbb\xbf[Main]\nName=x\n", -EINVAL,
              "3 @:1: the file starts with a byte order mark: save it as UTF-8 without one\n");

        assert_int_equal(buffer_puts(&text, "[Main]\nName="), 0);
        for (size_t i = 0; i < 5000; i++)
                assert_int_equal(buffer_puts(&text, "x"), 0);
        assert_int_equal(buffer_puts(&text, "\nFoo\n"), 0);
        check(f, buffer_text(&text), -EINVAL,
              "3 @:2: the line is longer than 4096 bytes\n"
              "3 @:3: '=' is missing: a line is [Section], Key=value or a # comment\n");
        buffer_deinit(&text);
}

static void test_nul(void **state) {
        static const char text[] = "[Main]\nName=x\0y\n";
        Fixture *f = *state;
        Settings s;

        write_bytes(f, "unit.conf", text, sizeof(text) - 1);
        assert_int_equal(load(f, &s), -EINVAL);
        assert_non_null(strstr(buffer_text(&f->log), "unit.conf:2: the line contains a control character"));
        config_free_items(items, &s);
}

static void test_drop_ins(void **state) {
        Fixture *f = *state;
        Settings s;

        write_text(f, "unit.conf", "[Main]\nName=base\nMaxStudents=1\nEnabled=yes\n");
        write_text(f, "unit.conf.d/20-second.conf", "[Main]\nName=second\n");
        write_text(f, "unit.conf.d/10-first.conf", "[Main]\nName=first\nMaxStudents=2\n");
        write_text(f, "unit.conf.d/30-back.conf", "[Main]\nEnabled=\n");
        write_text(f, "unit.conf.d/40-not-ours.conf~", "[Main]\nName=backup\n");
        write_text(f, "unit.conf.d/.50-hidden.conf", "[Main]\nName=hidden\n");
        assert_int_equal(load(f, &s), 0);
        assert_string_equal(s.name, "second");
        assert_int_equal(s.students, 2);
        assert_false(s.enabled);
        config_free_items(items, &s);
}

static void test_layers(void **state) {
        Fixture *f = *state;
        ConfigFiles files;
        Buffer got = BUFFER_NULL;
        char etc[64], vendor[64], *directory;

        write_text(f, "vendor/unit.conf", "");
        write_text(f, "vendor/unit.conf.d/10-a.conf", "");
        write_text(f, "vendor/unit.conf.d/20-b.conf", "");
        write_text(f, "etc/unit.conf.d/15-c.conf", "");
        write_text(f, "etc/unit.conf.d/20-b.conf", "");
        (void) snprintf(etc, sizeof(etc), "%s/etc", f->directory);
        (void) snprintf(vendor, sizeof(vendor), "%s/vendor", f->directory);

        for (size_t round = 0; round < 2; round++) {
                assert_int_equal(config_files_list("unit", etc, vendor, &files, &directory), 0);
                for (size_t i = 0; i < files.n_paths; i++)
                        assert_int_equal(buffer_printf(&got, "%s ", files.paths[i] + strlen(f->directory) + 1), 0);
                config_files_deinit(&files);
                write_text(f, "etc/unit.conf", "");
        }
        assert_string_equal(buffer_text(&got),
                            "vendor/unit.conf vendor/unit.conf.d/10-a.conf etc/unit.conf.d/15-c.conf etc/unit.conf.d/20-b.conf "
                            "etc/unit.conf vendor/unit.conf.d/10-a.conf etc/unit.conf.d/15-c.conf etc/unit.conf.d/20-b.conf ");
        buffer_deinit(&got);
}

/* What cannot be read is an error, never the default in silence. */
static void test_unreadable(void **state) {
        Fixture *f = *state;
        char path[64];
        Settings s;

        (void) snprintf(path, sizeof(path), "%s/unit.conf", f->directory);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(load(f, &s), -EINVAL);
        assert_non_null(strstr(buffer_text(&f->log), "unit.conf: Is a directory\n"));
        config_free_items(items, &s);

        assert_int_equal(rmdir(path), 0);
        assert_int_equal(mkfifo(path, 0644), 0);
        assert_int_equal(load(f, &s), -EINVAL);
        assert_non_null(strstr(buffer_text(&f->log), "unit.conf: not a regular file\n"));
        config_free_items(items, &s);

        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_int_equal(load(f, &s), 0);
        config_free_items(items, &s);

        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_int_equal(load(f, &s), -EINVAL);
        assert_non_null(strstr(buffer_text(&f->log), "unit.conf: No such file or directory\n"));
        config_free_items(items, &s);

        s = (Settings) {};
        assert_int_equal(config_load(items, "unit", "/nonexistent/gradebook", &s), -EINVAL);
        config_free_items(items, &s);
}

static void test_common(void **state) {
        Fixture *f = *state;
        CommonConfig c = {};

        write_text(f, "gradebook.conf", "[Cluster]\nAuthentication=none\n[Log]\nLevel=debug\n");
        assert_int_equal(config_load(common_config_items, "gradebook", f->directory, &c), 0);
        assert_int_equal(c.authentication, AUTHENTICATION_NONE);
        assert_int_equal(c.log_level, LOG_DEBUG);
        assert_string_equal(c.registry_urls, "http://127.0.0.1:3000");
        assert_string_equal(c.advertise_host, "");
        assert_int_equal(c.register_usec, 5 * USEC_PER_SEC);
        assert_int_equal(c.spool_max_bytes, 8 << 20);
        assert_true(c.ship);
        assert_int_equal(c.connections_max, 1024);
        config_free_items(common_config_items, &c);
}

/* libeconf looks at the environment for its own directories. */
static void test_environment_does_not_matter(void **state) {
        Fixture *f = *state;
        Settings s;

        write_text(f, "unit.conf", "[Main]\nName=mine\n");
        assert_int_equal(setenv("ECONF_UID", "4711", 1), 0);
        assert_int_equal(setenv("ECONF_CONFIG_DIRS", "/nonexistent", 1), 0);
        assert_int_equal(load(f, &s), 0);
        assert_string_equal(s.name, "mine");
        config_free_items(items, &s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_defaults),  TEST(test_values), TEST(test_bad_values), TEST(test_unknown), TEST(test_malformed),
                TEST(test_nul),       TEST(test_drop_ins), TEST(test_layers),   TEST(test_unreadable), TEST(test_common),
                TEST(test_environment_does_not_matter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
