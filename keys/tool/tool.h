/*
 * tool.h -- what the subcommands of hashfed-key share: the command line taken
 * apart, the places of files, passphrases, and how things are shown.
 *
 * Units    milliseconds since 1970 UTC.
 * Owns     a tool borrows the command line; main() owns it.
 * Threads  one.
 * Errors   a subcommand's error and sentence are printed by main(), which
 *          then exits with 2.
 * Source   hashfed-key(1).
 */
#ifndef HF_TOOL_H
#define HF_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "keyfile.h"
#include "layout.h"
#include "passphrase.h"
#include "ring.h"
#include "span.h"

struct hf_agreement;
struct hf_made;
struct hf_receiveset;

/* Name on the command line, whether it takes a value. */
/* clang-format off */
#define HF_TOOL_OPTION_TABLE(X)                       \
	X(HOME,              "home",              1)  \
	X(HELP,              "help",              0)  \
	X(VERSION,           "version",           0)  \
	X(COUNTRY,           "country",           1)  \
	X(SET,               "set",               1)  \
	X(ENDPOINT,          "endpoint",          1)  \
	X(NO_ENDPOINT,       "no-endpoint",       0)  \
	X(LISTEN,            "listen",            1)  \
	X(PASSPHRASE_FD,     "passphrase-fd",     1)  \
	X(NEW_PASSPHRASE_FD, "new-passphrase-fd", 1)  \
	X(RECOVERY_FILE,     "recovery-file",     1)  \
	X(KDF_COST,          "kdf-cost",          1)  \
	X(ROOT,              "root",              1)  \
	X(NEW_ROOT,          "new-root",          1)  \
	X(THRESHOLD,         "threshold",         1)  \
	X(ADD_PIN,           "add-pin",           1)  \
	X(REMOVE_PIN,        "remove-pin",        1)  \
	X(ADD,               "add",               1)  \
	X(REMOVE,            "remove",            1)  \
	X(RELAY,             "relay",             1)  \
	X(RELAY_BY,          "relay-by",          1)  \
	X(WITNESS,           "witness",           1)  \
	X(PURPOSE,           "purpose",           1)  \
	X(CLASS,             "class",             1)  \
	X(FINGERPRINT,       "fingerprint",       1)  \
	X(SILENT,            "silent",            0)  \
	X(REPLACES,          "replaces",          0)  \
	X(DUTY,              "duty",              1)  \
	X(DAYS,              "days",              1)  \
	X(OUT,               "out",               1)
/* clang-format on */

enum hf_tool_option {
#define HF_TOOL_OPTION_ENUM(name, text, has_value) HF_TOOL_##name,
	HF_TOOL_OPTION_TABLE(HF_TOOL_OPTION_ENUM)
#undef HF_TOOL_OPTION_ENUM
		HF_TOOL_OPTIONS
};

#define HF_TOOL_BIT(name)   ((uint64_t)1 << HF_TOOL_##name)
#define HF_TOOL_VALUES_MAX  64 /* of one option */
#define HF_TOOL_PATH_SIZE   1024
#define HF_TOOL_FILE_BYTES  ((size_t)1024 * 1024)
#define HF_TOOL_ORIGIN_SIZE (HF_ORIGIN_MAX_BYTES + 1)
#define HF_TOOL_DAY_MS      ((uint64_t)24 * 3600 * 1000)
#define HF_TOOL_DATE_SIZE   11

/* How often an option was given, and with what. */
struct hf_tool_values {
	const char *at[HF_TOOL_VALUES_MAX];
	size_t count;
};

struct hf_tool {
	struct hf_layout layout;
	bool is_system; /* the system's layout, not one directory */
	char ring[HF_TOOL_PATH_SIZE];
	char signer[HF_TOOL_PATH_SIZE];
	char tls[HF_TOOL_PATH_SIZE];
	uint64_t now_ms;
	struct hf_tool_values options[HF_TOOL_OPTIONS];
	char **args; /* what is no option */
	size_t args_count;
	struct hf_arena arena; /* for everything one command reads */
	bool is_worried;       /* exit with 1: something to look at */
};

/* The last value given, or NULL. */
const char *hf_tool_option(const struct hf_tool *tool,
			   enum hf_tool_option option);

/* --- Subcommands, one for each row of main.c's table. -------------------- */

HF_MUST enum hf_err hf_tool_new(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_manifest_show(struct hf_tool *tool,
					  struct hf_why *why);
HF_MUST enum hf_err hf_tool_manifest_sign(struct hf_tool *tool,
					  struct hf_why *why);
HF_MUST enum hf_err hf_tool_agreement_show(struct hf_tool *tool,
					   struct hf_why *why);
HF_MUST enum hf_err hf_tool_agreement_sign(struct hf_tool *tool,
					   struct hf_why *why);
HF_MUST enum hf_err hf_tool_invite(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_peer_fingerprint(struct hf_tool *tool,
					     struct hf_why *why);
HF_MUST enum hf_err hf_tool_peer_add(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_peer_list(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_peer_remove(struct hf_tool *tool,
					struct hf_why *why);
HF_MUST enum hf_err hf_tool_client_issue(struct hf_tool *tool,
					 struct hf_why *why);
HF_MUST enum hf_err hf_tool_client_list(struct hf_tool *tool,
					struct hf_why *why);
HF_MUST enum hf_err hf_tool_client_renew(struct hf_tool *tool,
					 struct hf_why *why);
HF_MUST enum hf_err hf_tool_client_revoke(struct hf_tool *tool,
					  struct hf_why *why);
HF_MUST enum hf_err hf_tool_recovery_verify(struct hf_tool *tool,
					    struct hf_why *why);
HF_MUST enum hf_err hf_tool_recovery_restore(struct hf_tool *tool,
					     struct hf_why *why);
HF_MUST enum hf_err hf_tool_root_new(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_tls_new(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_storage_new(struct hf_tool *tool,
					struct hf_why *why);
HF_MUST enum hf_err hf_tool_log_new(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_log_retire(struct hf_tool *tool,
				       struct hf_why *why);
HF_MUST enum hf_err hf_tool_cosigner_new(struct hf_tool *tool,
					 struct hf_why *why);
HF_MUST enum hf_err hf_tool_cosigner_retire(struct hf_tool *tool,
					    struct hf_why *why);
HF_MUST enum hf_err hf_tool_passwd(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_check(struct hf_tool *tool, struct hf_why *why);
HF_MUST enum hf_err hf_tool_vkey(struct hf_tool *tool, struct hf_why *why);

/* --- What they share. ---------------------------------------------------- */

/* dir + "/" + name; LIMIT when it does not fit. */
HF_MUST enum hf_err hf_tool_path(char out_path[static HF_TOOL_PATH_SIZE],
				 const char *dir, const char *name,
				 struct hf_why *why);

/* A whole file, "-" for standard input, in the tool's arena. */
HF_MUST enum hf_err hf_tool_read(struct hf_tool *tool, const char *path,
				 struct hf_span *out_text, struct hf_why *why);

/* From --passphrase-fd, or asked for on the terminal. */
HF_MUST enum hf_err hf_tool_passphrase(const struct hf_tool *tool,
				       const char *prompt, bool is_new,
				       struct hf_passphrase *out,
				       struct hf_why *why);

/* The same for a second, new one: --new-passphrase-fd, or the next line of
 * --passphrase-fd. */
HF_MUST enum hf_err hf_tool_new_passphrase(const struct hf_tool *tool,
					   const char *prompt,
					   struct hf_passphrase *out,
					   struct hf_why *why);

/* --kdf-cost, or the root key's default. */
HF_MUST enum hf_err hf_tool_cost(const struct hf_tool *tool,
				 struct hf_seal_cost *out_cost,
				 struct hf_why *why);

/* A key of lib/signer, which needs no passphrase. */
HF_MUST enum hf_err hf_tool_online_key(const struct hf_tool *tool,
				       enum hf_key_role role,
				       struct hf_key **out_key,
				       struct hf_why *why);

/* A new one of our own, given to its user.  EXISTS: it is never put over one
 * that is there. */
HF_MUST enum hf_err hf_tool_key_make(const struct hf_tool *tool,
				     enum hf_key_role role, const char *path,
				     struct hf_why *why);

/* The receive keys of lib/signer, which need no passphrase either; the caller
 * closes them. */
HF_MUST enum hf_err hf_tool_receive_keys(const struct hf_tool *tool,
					 struct hf_receiveset **out_keys,
					 struct hf_why *why);

/* "log.key" */
void hf_tool_key_path(const struct hf_tool *tool, enum hf_key_role role,
		      char out_path[static HF_TOOL_PATH_SIZE]);

/* "ncii" is our hotline.example/ncii/1; an origin stays what it is. */
HF_MUST enum hf_err hf_tool_origin(const struct hf_ring *ring, const char *set,
				   char out_origin[static HF_TOOL_ORIGIN_SIZE],
				   struct hf_why *why);

/* Two capital letters? */
HF_MUST enum hf_err hf_tool_check_country(const char *country,
					  struct hf_why *why);

/* A whole number of this option, fallback where it was not given. */
HF_MUST enum hf_err hf_tool_number(const struct hf_tool *tool,
				   enum hf_tool_option option, uint64_t least,
				   uint64_t most, uint64_t fallback,
				   uint64_t *out_number, struct hf_why *why);

/* "2027-01-31" */
void hf_tool_date(uint64_t wall_ms, char out_text[static HF_TOOL_DATE_SIZE]);

/* "3f2a 91c0 ..." for people: the first 16 bytes in groups of four digits. */
#define HF_TOOL_ID_SIZE 40
void hf_tool_id(const uint8_t *bytes, char out_text[static HF_TOOL_ID_SIZE]);

/* A node's certificate and key as node.crt and node.key in dir, which exists;
 * the pin of its key. */
HF_MUST enum hf_err hf_tool_make_node(const struct hf_tool *tool,
				      const char *domain, const char *dir,
				      struct hf_made *made,
				      uint8_t out_pin[static HF_CERT_PIN_BYTES],
				      struct hf_why *why);

/* Print every field. */
void hf_tool_print_manifest(const struct hf_manifest *manifest);
void hf_tool_print_agreement(const struct hf_ring *ring,
			     const struct hf_agreement *agreement);

/* Give a file that root made in the system's layout to the user whose
 * directory it is in. */
HF_MUST enum hf_err hf_tool_give(const char *path, struct hf_why *why);

/* Show the recovery copy of a root key and have it verified: --recovery-file
 * is written and read back, a person types two lines back. */
HF_MUST enum hf_err hf_tool_recovery_copy(struct hf_tool *tool,
					  const struct hf_key *root,
					  struct hf_why *why);

#endif /* HF_TOOL_H */
