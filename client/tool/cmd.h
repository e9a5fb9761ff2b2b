/*
 * cmd.h -- what the subcommands of hashfed share: the command line taken
 * apart, the way to the daemon, how errors and results are shown.
 *
 * Units    none.
 * Owns     a cmd borrows the command line; main() owns it.
 * Threads  one.
 * Errors   a subcommand's error and sentence are printed by main(), which
 *          then exits with HF_CMD_EXIT_NO.  What went wrong with one file of
 *          many is printed by the subcommand, which goes on.
 * Source   hashfed(1).
 */
#ifndef HF_CMD_H
#define HF_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "client.h"
#include "err.h"
#include "layout.h"
#include "media.h"

/* Name on the command line, whether it takes a value. */
/* clang-format off */
#define HF_CMD_OPTION_TABLE(X)                        \
	X(HOME,         "home",         1)            \
	X(SERVER,       "server",       1)            \
	X(CERT,         "cert",         1)            \
	X(KEY,          "key",          1)            \
	X(PIN,          "pin",          1)            \
	X(HELP,         "help",         0)            \
	X(VERSION,      "version",      0)            \
	X(QUIET,        "quiet",        0)            \
	X(JSON,         "json",         0)            \
	X(JOBS,         "jobs",         1)            \
	X(SET,          "set",          1)            \
	X(CLASS,        "class",        1)            \
	X(LABEL,        "label",        1)            \
	X(FLAG,         "flag",         1)            \
	X(JURISDICTION, "jurisdiction", 1)            \
	X(LEGAL_BASIS,  "legal-basis",  1)            \
	X(SERIES,       "series",       1)            \
	X(IMPORT,       "import",       1)            \
	X(FORMAT,       "format",       1)            \
	X(TYPE,         "type",         1)            \
	X(BATCH,        "batch",        1)            \
	X(SKIP_BAD,     "skip-bad",     0)            \
	X(DRY_RUN,      "dry-run",      0)            \
	X(REASON,       "reason",       1)            \
	X(NOTE,         "note",         1)            \
	X(RESUME,       "resume",       1)            \
	X(FRESH,        "fresh",        0)            \
	X(QUICK,        "quick",        0)            \
	X(PURPOSE,      "purpose",      1)            \
	X(RESTRICTED,   "restricted",   0)            \
	X(RELAY,        "relay",        0)            \
	X(ALL_FROM,     "all-from",     1)            \
	X(FINGERPRINT,  "fingerprint",  1)            \
	X(SILENT,       "silent",       0)            \
	X(ENDPOINT,     "endpoint",     1)            \
	X(VKEY,         "vkey",         0)
/* clang-format on */

enum hf_cmd_option {
#define HF_CMD_OPTION_ENUM(name, text, has_value) HF_CMD_##name,
	HF_CMD_OPTION_TABLE(HF_CMD_OPTION_ENUM)
#undef HF_CMD_OPTION_ENUM
		HF_CMD_OPTIONS
};

#define HF_CMD_BIT(name)  ((uint64_t)1 << HF_CMD_##name)
#define HF_CMD_VALUES_MAX 64 /* of one option */

#define HF_CMD_EXIT_OK    0
#define HF_CMD_EXIT_FOUND 1 /* something matched, or some files failed */
#define HF_CMD_EXIT_NO    2 /* refused, or could not be done */

/* Room for what a command reads and for a page of any list. */
#define HF_CMD_ARENA_BYTES ((size_t)64 * 1024 * 1024)

/* How often an option was given, and with what. */
struct hf_cmd_values {
	const char *at[HF_CMD_VALUES_MAX];
	size_t count;
};

struct hf_cmd {
	struct hf_layout layout;
	struct hf_cmd_values options[HF_CMD_OPTIONS];
	char *const *args; /* what is no option and no name of a command */
	size_t args_count;
	struct hf_arena arena;
	int exit_code; /* when nothing was refused */
};

struct hf_cmd_row {
	const char *group, *verb; /* verb is NULL where one word is enough */
	const char *usage;
	size_t args_least, args_most;
	uint64_t options;
	enum hf_err (*run)(struct hf_cmd *cmd, struct hf_why *why);
	const char *words;
};

/* ---- the command line (cmd_args.c) ---- */

/* Every subcommand, in the order of the manual. */
extern const struct hf_cmd_row hf_cmd_rows[];
extern const size_t hf_cmd_rows_count;

/* Take argv apart.  The row is NULL when --help, --version or nothing at all
 * was asked for.  ARGUMENT with the sentence to print. */
HF_MUST enum hf_err hf_cmd_parse(struct hf_cmd *cmd, int argc, char **argv,
				 const struct hf_cmd_row **out_row,
				 struct hf_why *why);

/* The last value given, or NULL. */
const char *hf_cmd_option(const struct hf_cmd *cmd, enum hf_cmd_option option);

bool hf_cmd_has(const struct hf_cmd *cmd, enum hf_cmd_option option);

/* ---- what they share (cmd_shared.c) ---- */

/* A daemon for any of these duties, as the command line says. */
HF_MUST enum hf_err hf_cmd_connect(struct hf_cmd *cmd, unsigned duties,
				   struct hf_client **out_client,
				   struct hf_why *why);

/* "hashfed: path: sentence" on standard error; the path is escaped. */
void hf_cmd_complain(const char *path, const char *sentence);

/* Files into hashes, with --jobs and --quick. */
HF_MUST enum hf_err
hf_cmd_media(struct hf_cmd *cmd,
	     void (*on_result)(void *arg, const struct hf_media_result *),
	     void *arg, struct hf_media **out_media, struct hf_why *why);

/* From now on SIGINT and SIGTERM only make hf_cmd_is_interrupted() true; the
 * second one ends the program. */
void hf_cmd_catch_signals(void);
bool hf_cmd_is_interrupted(void);

/* A hash as people write it: "sha256:HEX", or HEX of a length that tells.
 * 64 digits are SHA-256 or PDQ: then algorithm is 0 and len_bytes 32. */
struct hf_cmd_hash {
	unsigned algorithm; /* of enum hf_algorithm */
	uint8_t digest[HF_DIGEST_MAX_BYTES];
	size_t len_bytes;
};

/* False when the text is no hash, or a file of that name exists. */
bool hf_cmd_hash_parse(const char *text, struct hf_cmd_hash *out_hash);

/* A batch id, 32 hex digits. */
HF_MUST enum hf_err hf_cmd_batch_id(const char *text,
				    uint8_t out_id[static HF_BATCH_ID_BYTES],
				    struct hf_why *why);

/* ---- subcommands, one for each row ---- */

#define HF_CMD_RUN(name)                                                       \
	HF_MUST enum hf_err hf_cmd_##name(struct hf_cmd *cmd,                  \
					  struct hf_why *why)
HF_CMD_RUN(hash);
HF_CMD_RUN(publish);
HF_CMD_RUN(retract);
HF_CMD_RUN(match);
HF_CMD_RUN(scan);
HF_CMD_RUN(sets);
HF_CMD_RUN(sets_open);
HF_CMD_RUN(sets_share);
HF_CMD_RUN(sets_unshare);
HF_CMD_RUN(sets_follow);
HF_CMD_RUN(sets_unfollow);
HF_CMD_RUN(sets_verify);
HF_CMD_RUN(peers);
HF_CMD_RUN(peers_add);
HF_CMD_RUN(peers_remove);
HF_CMD_RUN(invite);
HF_CMD_RUN(status);
HF_CMD_RUN(checkpoint);
HF_CMD_RUN(proof);

#endif /* HF_CMD_H */
