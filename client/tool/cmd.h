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
	X(FRESH,        "fresh",        0)            \
	X(QUICK,        "quick",        0)            \
	X(PURPOSE,      "purpose",      1)            \
	X(RESTRICTED,   "restricted",   0)            \
	X(RELAY,        "relay",        0)            \
	X(WITNESS,      "witness",      0)            \
	X(ALL_FROM,     "all-from",     1)            \
	X(FINGERPRINT,  "fingerprint",  1)            \
	X(SILENT,       "silent",       0)            \
	X(ENDPOINT,     "endpoint",     1)            \
	X(VKEY,         "vkey",         0)            \
	X(PROVIDER,     "provider",     1)            \
	X(URL,          "url",          1)            \
	X(HASH,         "hash",         1)            \
	X(FILE,         "file",         1)            \
	X(REGIME,       "regime",       1)            \
	X(EXPLANATION,  "explanation",  1)            \
	X(EXPLANATION_FILE, "explanation-file", 1)    \
	X(CONTACT,      "contact",      1)            \
	X(GOOD_FAITH,   "good-faith",   0)            \
	X(REFERENCE,    "reference",    1)            \
	X(ENTRY,        "entry",        1)            \
	X(HOLD,         "hold",         1)            \
	X(ORDER,        "order",        1)            \
	X(MAIL_DIR,     "mail-dir",     1)            \
	X(REQUEST,      "request",      1)            \
	X(LETTER,       "letter",       0)            \
	X(LANGUAGE,     "language",     1)            \
	X(STATE,        "state",        1)            \
	X(OVERDUE,      "overdue",      0)            \
	X(OPEN,         "open",         0)            \
	X(FROM,         "from",         1)            \
	X(TO,           "to",           1)            \
	X(TEXT,         "text",         1)            \
	X(AT,           "at",           1)            \
	X(AUTOMATIC,    "automatic",    0)            \
	X(MEANS,        "means",        1)            \
	X(ADDRESS,      "address",      1)            \
	X(FAILED,       "failed",       0)            \
	X(HOST,         "host",         1)            \
	X(COUNTRY,      "country",      1)            \
	X(LEA,          "lea",          0)            \
	X(EXEC,         "exec",         1)            \
	X(ONCE,         "once",         0)            \
	X(FROM_NOW,     "from-now",     0)                                    \
	X(ROLE,         "role",         1)            \
	X(POWER,        "power",        1)            \
	X(UNTIL,        "until",        1)                                    \
	X(AUDIENCE,     "audience",     1)            \
	X(OUTPUT,       "output",       1)            \
	X(BUNDLES,      "bundles",      1)            \
	X(CONTENT_DATE, "content-date", 1)            \
	X(CASES,        "cases",        0)            \
	X(REMEMBER,     "remember",     0)            \
	X(STDIN,        "stdin",        0)            \
	X(UNAVAILABLE,  "unavailable",  1)            \
	X(SIZES,        "sizes",        0)            \
	X(INVENTORY,    "inventory",    1)            \
	X(FILES_FROM,   "files-from",   1)            \
	X(ZERO,         "null",         0)            \
	X(RATE,         "rate",         1)            \
	X(UPDATE,       "update",       0)            \
	X(ERASE,        "erase",        0)            \
	X(WHO,          "who",          1)            \
	X(METHOD,       "method",       1)            \
	X(AFFIRM,       "affirm",       0)            \
	X(DISPUTE,      "dispute",      0)            \
	X(SEEN,         "seen",         0)            \
	X(WITHDRAW,     "withdraw",     0)            \
	X(IGNORE,       "ignore",       0)            \
	X(FROM_SIZE,    "from-size",    1)            \
	X(EPOCH,        "epoch",        1)
/* clang-format on */

enum hf_cmd_option {
#define HF_CMD_OPTION_ENUM(name, text, has_value) HF_CMD_##name,
	HF_CMD_OPTION_TABLE(HF_CMD_OPTION_ENUM)
#undef HF_CMD_OPTION_ENUM
		HF_CMD_OPTIONS
};

/* A set of options; there are more than 64. */
__extension__ typedef unsigned __int128 hf_cmd_bits;
_Static_assert(HF_CMD_OPTIONS <= 128, "more options than hf_cmd_bits has");

#define HF_CMD_BIT(name)  ((hf_cmd_bits)1 << HF_CMD_##name)
#define HF_CMD_VALUES_MAX 256 /* of one option */

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

struct hf_cmd_row;

struct hf_cmd {
	const struct hf_cmd_row *row; /* which command it is */
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
	hf_cmd_bits options;
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

/* Take the token of the page that comes next and let go of this one, which is
 * in the arena; false when this was the last. */
bool hf_cmd_next_page(struct hf_arena *arena,
		      char token[static HF_PAGE_TOKEN_MAX_BYTES + 1],
		      const char *next_page_token);

/* "hashfed: path: sentence" on standard error; the path is escaped. */
void hf_cmd_complain(const char *path, const char *sentence);

/* "hashfed: what: a, b, c" on standard error, in lines of readable length: for
 * lists that are too long for a sentence. */
void hf_cmd_complain_words(const char *what, const char *words);

/* A case id, or how one begins: hex digits. */
HF_MUST enum hf_err hf_cmd_case_id(const char *text, struct hf_why *why);

/* Files into hashes, with --jobs and --quick. */
HF_MUST enum hf_err
hf_cmd_media(struct hf_cmd *cmd,
	     void (*on_result)(void *arg, const struct hf_media_result *),
	     void *arg, struct hf_media **out_media, struct hf_why *why);

/* From now on SIGINT and SIGTERM only make hf_cmd_is_interrupted() true; the
 * second one ends the program. */
void hf_cmd_catch_signals(void);
bool hf_cmd_is_interrupted(void);

/* The value of an option as text of the protocol: UTF-8 on one line, at most
 * so many bytes.  NULL when it was not given. */
HF_MUST enum hf_err hf_cmd_text(const struct hf_cmd *cmd,
				enum hf_cmd_option option, size_t most,
				const char **out_text, struct hf_why *why);

/* The value of an option as a point in time; 0 when it was not given. */
HF_MUST enum hf_err hf_cmd_moment(const struct hf_cmd *cmd,
				  enum hf_cmd_option option, uint64_t *out_ms,
				  struct hf_why *why);

/* A number from 1 to 64, by default what is given. */
HF_MUST enum hf_err hf_cmd_jobs(const struct hf_cmd *cmd, unsigned by_default,
				unsigned *out_count, struct hf_why *why);

/* "--home", as on the command line: also the name of an option. */
const char *hf_cmd_option_name(enum hf_cmd_option option);

/* lib/NAME where we may write there, else under the user's own state; it is
 * made.  False when there is no such place. */
bool hf_cmd_state_dir(const struct hf_cmd *cmd, const char *name,
		      char *out_path, size_t size_bytes);

/* A hash as people write it: "sha256:HEX", or HEX of a length that tells.
 * 64 digits are SHA-256 or PDQ: then algorithm is 0 and len_bytes 32. */
struct hf_cmd_hash {
	unsigned algorithm; /* of enum hf_algorithm */
	uint8_t digest[HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES];
	size_t len_bytes;
};

/* False when the text is no hash, or a file of that name exists. */
bool hf_cmd_hash_parse(const char *text, struct hf_cmd_hash *out_hash);

/* What a command is about: SET INDEX, or HASH. */
struct hf_cmd_subject {
	bool is_hash;
	struct hf_entry_ref entry;
	struct hf_hash hash; /* its digest is in parsed */
	struct hf_cmd_hash parsed;
};
HF_MUST enum hf_err hf_cmd_subject(const struct hf_cmd *cmd,
				   struct hf_cmd_subject *out,
				   struct hf_why *why);

/* The index of an entry. */
HF_MUST enum hf_err hf_cmd_index(const char *text, uint64_t *out_index,
				 struct hf_why *why);

/* A batch id, 32 hex digits. */
HF_MUST enum hf_err hf_cmd_batch_id(const char *text,
				    uint8_t out_id[static HF_BATCH_ID_BYTES],
				    struct hf_why *why);

/* What is said of a case, one word each: word, event (NONE: it is none), what
 * it takes beside --reason, --text and --at, words. */
/* clang-format off */
#define HF_CMD_ACT_TABLE(X)                                                    \
	X("review",      REVIEW,      SAYS, "provider: a person looks at it")         \
	X("removed",     REMOVED,     SAYS_SO, "provider: it is deleted")        \
	X("disabled",    DISABLED,    SAYS_SO, "provider: access is disabled")   \
	X("rejected",    REJECTED,    SAYS_SO, "provider: declined, with a reason") \
	X("needs-info",  NEEDS_INFO,  SAYS, "provider: the notice is not precise enough") \
	X("impossible",  IMPOSSIBLE,  SAYS, "provider: it cannot be done now")        \
	X("moved",       MOVED,       WHERE, "provider: it is at another host")    \
	X("unavailable", UNAVAILABLE, SAYS_SO, "provider: it is gone, cause unknown") \
	X("complied",    COMPLIED,    SAYS_SO, "provider: an order took effect") \
	X("contest",     CONTEST,     SAYS, "provider: a complaint, or an appeal")    \
	X("reinstated",  REINSTATED,  SAYS, "provider: it is back")                   \
	X("info",        INFO,        PLACES, "notifier: more places, or words")   \
	X("withdraw",    WITHDRAW,    SAYS, "notifier: take the notice back")         \
	X("offline",     OFFLINE,     SAYS_SO, "notifier: it was seen offline")  \
	X("online",      ONLINE,      SAYS_SO, "notifier: it was seen online")   \
	X("reappeared",  REAPPEARED,  SAYS_SO, "notifier: it is there again")    \
	X("renotify",    RENOTIFY,    SAYS_SO, "notifier: remind")               \
	X("escalate",    ESCALATE_AUTHORITY, ESCALATES, "notifier: tell an authority, or the police") \
	X("forward",     FORWARD,     FORWARDS, "notifier: pass it on to another country") \
	X("close",       CLOSE,       SAYS, "notifier: the end")                      \
	X("sent",        DELIVERY,    SENDS, "notifier: how a mail was sent")      \
	X("release",     NONE,        0, "notifier: send what was held")           \
	X("penalty",     PENALTY,     SAYS, "authority: a penalty is imposed")
/* clang-format on */

/* ---- subcommands, one for each row ---- */

#define HF_CMD_RUN(name)                                                       \
	HF_MUST enum hf_err hf_cmd_##name(struct hf_cmd *cmd,                  \
					  struct hf_why *why)
HF_CMD_RUN(hash);
HF_CMD_RUN(publish);
HF_CMD_RUN(retract);
HF_CMD_RUN(opine);
HF_CMD_RUN(override);
HF_CMD_RUN(explain);
HF_CMD_RUN(release);
HF_CMD_RUN(match);
HF_CMD_RUN(scan);
HF_CMD_RUN(sets);
HF_CMD_RUN(sets_sizes);
HF_CMD_RUN(sets_open);
HF_CMD_RUN(sets_next_epoch);
HF_CMD_RUN(sets_share);
HF_CMD_RUN(sets_unshare);
HF_CMD_RUN(sets_follow);
HF_CMD_RUN(sets_unfollow);
HF_CMD_RUN(sets_verify);
HF_CMD_RUN(sets_show);
HF_CMD_RUN(sets_evidence);
HF_CMD_RUN(sets_receipts);
HF_CMD_RUN(sets_thaw);
HF_CMD_RUN(peers);
HF_CMD_RUN(peers_add);
HF_CMD_RUN(peers_remove);
HF_CMD_RUN(roles);
HF_CMD_RUN(roles_attest);
HF_CMD_RUN(roles_end);
HF_CMD_RUN(hub);
HF_CMD_RUN(hub_propose);
HF_CMD_RUN(hub_end);
HF_CMD_RUN(invite);
HF_CMD_RUN(status);
HF_CMD_RUN(admin_backup);
HF_CMD_RUN(admin_verify);
HF_CMD_RUN(audit);
HF_CMD_RUN(affected);
HF_CMD_RUN(checkpoint);
HF_CMD_RUN(proof);
HF_CMD_RUN(notify);
HF_CMD_RUN(cases);
HF_CMD_RUN(cases_show);
HF_CMD_RUN(cases_bundle);
HF_CMD_RUN(cases_act);
HF_CMD_RUN(cases_order);
HF_CMD_RUN(watch);
HF_CMD_RUN(verify);
HF_CMD_RUN(report_hosting);
HF_CMD_RUN(report_trusted_flagger);
HF_CMD_RUN(report_dsc);
HF_CMD_RUN(export_dsa_sor);

#endif /* HF_CMD_H */
