/*
 * show_json.h -- JSON objects, one a line.
 *
 * Units    none.
 * Owns     hf_json_line() takes the object.
 * Threads  one.
 * Errors   NOMEM.
 * Source   jansson: functions that set a member take NULL as failure, so an
 *          object is built without looking and judged when it is printed.
 */
#ifndef HF_SHOW_JSON_H
#define HF_SHOW_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"

/* A string; bytes that are not UTF-8 become U+FFFD. */
json_t *hf_json_text(const char *text);

/* Lower-case hex. */
json_t *hf_json_hex(const void *bytes, size_t len_bytes);

/* Numbers of trees and clocks fit: they are below 2^63. */
json_t *hf_json_number(uint64_t number);

/* {"origin": ..., "index": ...}, to which more may be added; NULL is NOMEM. */
json_t *hf_json_entry(const char *origin, uint64_t index);

/* Set "path" and, where the path is not UTF-8, "path_hex" with its bytes. */
void hf_json_set_path(json_t *object, const char *path);

/* Print it and let go of it; NULL is NOMEM. */
HF_MUST enum hf_err hf_json_line(json_t *object, struct hf_why *why);

#endif /* HF_SHOW_JSON_H */
