/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/import-ask.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define ENCODING sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define KEY_BYTES 16
#define HEX_DIGITS "0123456789abcdef"
#define REASON_MAX 300                  /* characters */
#define PAGE_MAX 1000u

ImportAsk *import_ask_free(ImportAsk *a) {
        if (!a)
                return NULL;
        sd_event_source_disable_unref(a->timer);
        upload_free(a->upload);
        free(a->decoded);
        free(a->encoded);
        free(a->account);
        free(a->class_name);
        free(a);
        return NULL;
}

/* A text of ours that goes into a header, or NULL. */
static const char *hex_of(const Upload *u, const char *name) {
        const char *s = upload_text(u, name);

        return !text_is_empty(s) && strlen(s) <= 64 && strspn(s, HEX_DIGITS) == strlen(s) ? s : NULL;
}

static bool is_yes(const Upload *u, const char *name) {
        const char *s = upload_text(u, name);

        return s && strcmp(s, "yes") == 0;
}

/* As a form of ours holds it. -EBADMSG. */
static int take_encoded(ImportAsk *a, const char *text, size_t size) {
        size_t bytes = 0;

        a->decoded = malloc(size + 1);
        if (!a->decoded)
                return -ENOMEM;
        if (sodium_base642bin((unsigned char *) a->decoded, size, text, size, NULL, &bytes, NULL, ENCODING) != 0)
                return -EBADMSG;
        a->decoded[bytes] = '\0';
        a->table = a->decoded;
        a->table_size = bytes;
        return 0;
}

/* The key of what is wrong; NULL: nothing. A file wins over what was typed, as it is the one that was chosen on purpose. */
static const char *take_table(ImportAsk *a) {
        const char *file_name = NULL, *text;
        size_t size;
        int k;

        text = upload_bytes(a->upload, "table", &size, NULL);
        if (text) {
                k = take_encoded(a, text, size);
                a->name = upload_text(a->upload, "name");
                a->is_pasted = text_is_empty(a->name);
                if (k < 0)
                        return k == -ENOMEM ? "NoMemory" : "UploadBroken";
        } else {
                text = upload_bytes(a->upload, "File", &size, &file_name);
                if (!text || size == 0) {
                        text = upload_bytes(a->upload, "Pasted", &size, NULL);
                        a->is_pasted = true;
                }
                a->name = file_name;
                a->table = text ? text : "";
                a->table_size = text ? size : 0;
        }
        a->name = text_is_empty(a->name) ? NULL : a->name;
        if (a->table_size == 0)
                return "ImportNoTable";
        return a->table_size > UPLOAD_TABLE_MAX ? "UploadTooLong" : NULL;
}

static int read_fields(ImportAsk *a, json_object *errors) {
        const char *class = upload_text(a->upload, "class"), *page = upload_text(a->upload, "page"), *wrong = take_table(a);
        Language language = a->frame.language;

        a->reason = upload_text(a->upload, "Reason");
        a->key = hex_of(a->upload, "key");
        a->plan = hex_of(a->upload, "plan");
        a->overwrite = is_yes(a->upload, "overwrite");
        a->released = is_yes(a->upload, "released");
        a->is_sent = a->key && is_yes(a->upload, "sent");
        if (!page || parse_uint64(page, &a->page) < 0 || a->page < 1 || a->page > PAGE_MAX)
                a->page = 1;
        if (wrong && json_add_text(errors, "File", language_text(language, wrong)) < 0)
                return -ENOMEM;
        if ((!class || parse_uint64(class, &a->class_id) < 0 || a->class_id == 0) &&
            json_add_text(errors, "class", language_text(language, "ImportNoClass")) < 0)
                return -ENOMEM;
        if (a->reason && text_length(a->reason) > REASON_MAX)
                return json_add_text(errors, "Reason", language_text(language, "FieldTooLong"));
        return 0;
}

int import_ask_new(Request *r, Portal *p, Upload *u, json_object *errors, ImportAsk **ret) {
        _cleanup_(import_ask_freep) ImportAsk *a = calloc(1, sizeof(*a));

        if (!a) {
                upload_free(u);
                return -ENOMEM;
        }
        a->portal = p;
        a->request = r;
        a->upload = u;
        a->frame = page_frame(p, r);
        a->frame.section = "Import";
        a->frame.script = "import.js";
        if (read_fields(a, errors) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(a);
        return 0;
}

static void add_parameter(Buffer *out, const char *name, const char *value) {
        if (text_is_empty(value))
                return;
        (void) buffer_printf(out, "&%s=", name);
        (void) urlencoded_write(out, value, "");
}

int import_ask_path(const ImportAsk *a, bool is_dry_run, char **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        (void) buffer_printf(&out, "/imports?class=%" PRIu64 "&overwrite=%s&released=%s", a->class_id, a->overwrite ? "yes" : "no", a->released ? "yes" : "no");
        add_parameter(&out, "dry-run", is_dry_run ? "yes" : NULL);
        add_parameter(&out, "name", a->name);
        add_parameter(&out, "reason", a->reason);
        *ret = buffer_take(&out, NULL);
        return *ret ? 0 : -ENOMEM;
}

static int encode(ImportAsk *a) {
        size_t size = sodium_base64_encoded_len(a->table_size, ENCODING);

        if (a->encoded)
                return 0;
        a->encoded = malloc(size);
        if (!a->encoded)
                return -ENOMEM;
        (void) sodium_bin2base64(a->encoded, size, (const unsigned char *) a->table, a->table_size, ENCODING);
        return 0;
}

int import_ask_add_fields(ImportAsk *a, const char *plan, bool is_sent, json_object *view) {
        char key[2 * KEY_BYTES + 1];
        uint8_t bits[KEY_BYTES];

        if (encode(a) < 0)
                return -ENOMEM;
        randombytes_buf(bits, sizeof(bits));
        (void) sodium_bin2hex(key, sizeof(key), bits, sizeof(bits));
        if (json_add_text(view, "Table", a->encoded) < 0 || json_add_uint64(view, "ClassID", a->class_id) < 0 ||
            json_add_text(view, "ClassName", a->class_name) < 0 || json_add_text(view, "FileName", a->name) < 0 ||
            json_add_text(view, "Reason", a->reason) < 0 || json_add_text(view, "Overwrite", a->overwrite ? "yes" : NULL) < 0 ||
            json_add_text(view, "Released", a->released ? "yes" : NULL) < 0 || json_add_text(view, "Plan", plan) < 0 ||
            json_add_text(view, "Sent", is_sent ? "yes" : NULL) < 0 || json_add_text(view, "Key", is_sent && a->key ? a->key : key) < 0)
                return -ENOMEM;
        return 0;
}

static int add_typed(const ImportAsk *a, json_object *typed) {
        char id[24];

        (void) snprintf(id, sizeof(id), "%" PRIu64, a->class_id);
        if (json_add_text(typed, "class", id) < 0 || json_add_text(typed, "Reason", a->reason) < 0 ||
            json_add_text(typed, "overwrite", a->overwrite ? "yes" : "") < 0 || json_add_text(typed, "released", a->released ? "yes" : "") < 0)
                return -ENOMEM;
        return a->is_pasted && a->table && text_is_utf8(a->table, a->table_size) ? json_add_text(typed, "Pasted", a->table) : 0;
}

void import_ask_reply_again(ImportAsk *a, unsigned status, json_object *errors) {
        static const char *const paths[] = IMPORT_FORM_PATHS;
        json_object *typed = json_object_new_object();

        if (!typed || add_typed(a, typed) < 0) {
                json_object_put(typed);
                typed = NULL;
        }
        page_show_again(a->request, a->portal, &import_form_page, paths, ELEMENTSOF(paths), status, typed, errors);
        import_ask_free(a);
}
