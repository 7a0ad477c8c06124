/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "base/text.h"
#include "ctl/ctl.h"

#define TOKEN_FILE "/var/lib/gradebook/cluster-token"
#define GLOBALS 6

enum { OPTION_JSON = 256, OPTION_CONFIG_DIR, OPTION_TOKEN_FILE, OPTION_REGISTRY, OPTION_VERSION, OPTION_COMMAND };

static const struct option globals[GLOBALS] = {
        { "json", no_argument, NULL, OPTION_JSON },
        { "config-dir", required_argument, NULL, OPTION_CONFIG_DIR },
        { "token-file", required_argument, NULL, OPTION_TOKEN_FILE },
        { "registry", required_argument, NULL, OPTION_REGISTRY },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
};

int ctl_fail(CtlExit code, const char *format, ...) {
        va_list ap;

        (void) fputs("gradebookctl: ", stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputc('\n', stderr);
        return code;
}

/* What the runtime finds to say, of the configuration's files. */
static void print_line(const LogLine *line, void *userdata) {
        (void) fprintf(stderr, "gradebookctl: %s\n", line->message);
}

const char *ctl_option(const Ctl *ctl, const char *name) {
        const char *value, *found = NULL;
        size_t at = 0;

        while ((value = ctl_option_next(ctl, name, &at)))
                found = value;
        return found;
}

const char *ctl_option_next(const Ctl *ctl, const char *name, size_t *at) {
        while (*at < ctl->n_given) {
                const CtlGiven *g = ctl->given + (*at)++;

                if (strcmp(ctl->command->options[g->option].name, name) == 0)
                        return g->value;
        }
        return NULL;
}

static void print_globals(void) {
        (void) puts("\nOptions for all commands:\n"
                    "     --json            One JSON document for programs (log: one a line)\n"
                    "     --config-dir=DIR  Read gradebook.conf from DIR instead of " GRADEBOOK_CONFDIR "\n"
                    "     --token-file=FILE Take the cluster token from FILE instead of\n"
                    "                       " TOKEN_FILE " ($GRADEBOOK_TOKEN_FILE)\n"
                    "     --registry=URL    Ask this registry instead of RegistryURL= in gradebook.conf\n"
                    "  -h --help            Show this help; after a command, help on it\n"
                    "     --version         Show the version");
}

static void print_help(const Command *commands) {
        (void) puts("gradebookctl [OPTIONS…] COMMAND …\n\nSee to a gradebook: its daemons, its log, its students and their grades.\n\nCommands:");
        for (const Command *c = commands; c->name; c++)
                /* printf() pads bytes, and the arguments have characters of several. */
                (void) printf("  %s %s%*s %s\n", c->name, c->arguments, 32 - (int) (strlen(c->name) + text_length(c->arguments)), "", c->summary);
        print_globals();
        (void) puts("\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not reachable, 4 not found, 5 refused\n"
                    "\nSee gradebookctl(1).");
}

/* "--lines[=N]" without its dashes; what it takes. */
static int name_option(const CtlOption *o, char *ret, size_t size) {
        if (!o->argument)
                return snprintf(ret, size, "%s", o->name);
        return snprintf(ret, size, "%s%s=%s%s", o->name, o->otherwise ? "[" : "", o->argument, o->otherwise ? "]" : "");
}

static void print_command_help(const Command *c) {
        int width = 15;
        char name[64];

        (void) printf("gradebookctl %s [OPTIONS…] %s\n\n%s.\n", c->name, c->arguments, c->summary);
        for (const CtlOption *o = c->options; o && o->name; o++) {
                int n = name_option(o, name, sizeof(name));

                width = n > width ? n : width;
        }
        for (const CtlOption *o = c->options; o && o->name; o++) {
                (void) name_option(o, name, sizeof(name));
                (void) printf("%s  %c%c --%-*s %s\n", o == c->options ? "\nOptions:\n" : "", o->letter ? '-' : ' ',
                              o->letter ? o->letter : ' ', width, name, o->help);
        }
        print_globals();
}

/* Length of name's first word. */
static size_t first_word(const char *name) {
        return strcspn(name, " ");
}

static int unknown_command(const Command *commands, const char *first, const char *second) {
        char typed[128];
        Nearest nearest = NEAREST(typed);
        bool group = false;

        (void) snprintf(typed, sizeof(typed), "%s%s%s", first, second ? " " : "", second ? second : "");
        for (const Command *c = commands; c->name; c++) {
                size_t n = first_word(c->name);

                group = group || (c->name[n] && strlen(first) == n && strncmp(c->name, first, n) == 0);
                nearest_offer(&nearest, c->name);
        }
        if (!nearest.text && !group) {
                /* Perhaps the second word is an argument already, or missing. */
                (void) snprintf(typed, sizeof(typed), "%s", first);
                for (const Command *c = commands; c->name; c++) {
                        nearest_offer(&nearest, c->name);
                        nearest_offer_part(&nearest, c->name, first_word(c->name));
                }
        }
        if (nearest.text)
                return ctl_fail(CTL_USAGE, "there is no command \"%s\": did you mean \"%.*s\"?", typed, (int) nearest.size, nearest.text);
        if (!group)
                return ctl_fail(CTL_USAGE, "there is no command \"%s\": \"gradebookctl --help\" lists them", typed);

        (void) fprintf(stderr, "gradebookctl: \"%s\" needs one of these:\n", first);
        for (const Command *c = commands; c->name; c++)
                if (strncmp(c->name, first, first_word(c->name)) == 0)
                        (void) fprintf(stderr, "  gradebookctl %s %s\n", c->name, c->arguments);
        return CTL_USAGE;
}

/* *ret_words: how many of argv the name takes. */
static const Command *find_command(const Command *commands, int argc, char *argv[], int *ret_words) {
        const Command *found = NULL;

        /* "services show" is not "services" with an argument. */
        for (const Command *c = commands; c->name; c++) {
                size_t n = first_word(c->name);

                if (argc < 1 || strlen(argv[0]) != n || strncmp(c->name, argv[0], n) != 0)
                        continue;
                if (!c->name[n]) {
                        *ret_words = 1;
                        found = c;
                } else if (argc > 1 && strcmp(c->name + n + 1, argv[1]) == 0) {
                        *ret_words = 2;
                        return c;
                }
        }
        return found;
}

/* The value of the command's option that getopt has just found. */
static const char *take_value(const CtlOption *o, int argc, char *argv[]) {
        if (optarg)
                return optarg;
        if (!o->otherwise)
                return "";
        if (o->takes && optind < argc && o->takes(argv[optind]))
                return argv[optind++];
        return o->otherwise;
}

/* -1: go on; else the exit code. */
static int take_option(Ctl *ctl, const Command *commands, int option) {
        switch (option) {
        case OPTION_JSON:
                ctl->json = true;
                return -1;
        case OPTION_CONFIG_DIR:
                ctl->config_dir = optarg;
                return -1;
        case OPTION_TOKEN_FILE:
                ctl->token_file = optarg;
                return -1;
        case OPTION_REGISTRY:
                ctl->registry_url = optarg;
                return -1;
        case OPTION_VERSION:
                (void) puts("gradebookctl " PACKAGE_VERSION);
                return CTL_OK;
        case 'h':
                if (ctl->command)
                        print_command_help(ctl->command);
                else
                        print_help(commands);
                return CTL_OK;
        case '?':
                (void) fprintf(stderr, "Try \"gradebookctl %s%s--help\".\n", ctl->command ? ctl->command->name : "",
                               ctl->command ? " " : "");
                return CTL_USAGE;
        default:
                return CTL_FAILURE;
        }
}

/* Parses what stands before (no command yet) or behind the command. -1: go on; else the exit code. */
static int parse_options(Ctl *ctl, const Command *commands, int argc, char *argv[]) {
        const CtlOption *own = ctl->command ? ctl->command->options : NULL;
        struct option options[GLOBALS + CTL_OPTIONS_MAX + 1] = {};
        char letters[4 + 3 * CTL_OPTIONS_MAX] = "+h";
        size_t n_letters = 2;
        int option;

        if (ctl->command) {
                /* Options may stand between and behind the arguments then. */
                letters[0] = 'h';
                n_letters = 1;
        }
        memcpy(options, globals, sizeof(globals));
        for (size_t i = 0; own && own[i].name && i < CTL_OPTIONS_MAX; i++) {
                int has = !own[i].argument ? no_argument : own[i].otherwise ? optional_argument : required_argument;

                options[GLOBALS + i] = (struct option) { own[i].name, has, NULL, OPTION_COMMAND + (int) i };
                if (!own[i].letter)
                        continue;
                letters[n_letters++] = own[i].letter;
                for (; has > 0; has--)
                        letters[n_letters++] = ':';
        }
        letters[n_letters] = 0;

        optind = 0;
        while ((option = getopt_long(argc, argv, letters, options, NULL)) >= 0) {
                int code;

                for (size_t i = 0; own && own[i].name; i++)
                        if (own[i].letter && own[i].letter == option)
                                option = OPTION_COMMAND + (int) i;
                if (option >= OPTION_COMMAND) {
                        size_t i = (size_t) (option - OPTION_COMMAND);

                        ctl->given[ctl->n_given++] = (CtlGiven) { i, take_value(own + i, argc, argv) };
                        continue;
                }
                code = take_option(ctl, commands, option);
                if (code >= 0)
                        return code;
        }
        return -1;
}

static bool wants_colour(void) {
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && text_is_empty(getenv("NO_COLOR")) && term && strcmp(term, "dumb") != 0;
}

static int run(const Command *commands, Ctl *ctl, int argc, char *argv[]) {
        int code, words = 0, n;

        code = parse_options(ctl, commands, argc, argv);
        if (code >= 0)
                return code;
        argc -= optind;
        argv += optind;
        if (argc == 0) {
                print_help(commands);
                return CTL_USAGE;
        }

        ctl->command = find_command(commands, argc, argv, &words);
        if (!ctl->command)
                return unknown_command(commands, argv[0], argc > 1 ? argv[1] : NULL);
        argc -= words - 1;
        argv += words - 1;
        argv[0] = (char *) "gradebookctl";
        code = parse_options(ctl, commands, argc, argv);
        if (code >= 0)
                return code;

        n = argc - optind;
        if (n < ctl->command->n_arguments || n > ctl->command->n_arguments + ctl->command->n_more)
                return ctl_fail(CTL_USAGE, "%s: %s\nUsage: gradebookctl %s [OPTIONS…] %s", ctl->command->name,
                                n > ctl->command->n_arguments ? "too many arguments" : "an argument is missing",
                                ctl->command->name, ctl->command->arguments);
        return ctl->command->run(ctl, argv + optind);
}

int ctl_main(const Command *commands, int argc, char *argv[]) {
        Ctl ctl = { .token_file = getenv("GRADEBOOK_TOKEN_FILE"), .colour = wants_colour() };
        /* "-fqr" is one word with three options. */
        size_t room = 1;
        int code;

        for (int i = 0; i < argc; i++)
                room += strlen(argv[i]) + 1;
        ctl.given = calloc(room, sizeof(*ctl.given));
        if (!ctl.given)
                return ctl_fail(CTL_FAILURE, "out of memory");
        if (text_is_empty(ctl.token_file))
                ctl.token_file = TOKEN_FILE;
        /* Widths of names are known in a UTF-8 locale only; ours are always UTF-8. */
        if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                (void) setlocale(LC_CTYPE, "C.UTF-8");
        log_add_sink(print_line, NULL);

        if (argc > 0)
                argv[0] = (char *) "gradebookctl";
        code = run(commands, &ctl, argc, argv);
        free(ctl.given);
        if (fflush(stdout) != 0 && code == CTL_OK)
                return ctl_fail(CTL_FAILURE, "what was asked for could not be written: %m");
        return code;
}
