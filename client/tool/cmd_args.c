#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

#define BIT(name) HF_CMD_BIT(name)
#define MANY      ((size_t)-1)

/* What every command takes. */
#define ALWAYS (BIT(HOME) | BIT(HELP) | BIT(VERSION) | BIT(QUIET))

/* What every command that calls a daemon takes. */
#define CALLS (BIT(SERVER) | BIT(CERT) | BIT(KEY) | BIT(PIN))

/* What a notice is made of. */
#define NOTICE                                                                 \
	(BIT(PROVIDER) | BIT(URL) | BIT(HASH) | BIT(FILE) | BIT(REGIME) |      \
	 BIT(CLASS) | BIT(LABEL) | BIT(EXPLANATION) | BIT(EXPLANATION_FILE) |  \
	 BIT(CONTACT) | BIT(GOOD_FAITH) | BIT(REFERENCE) | BIT(JURISDICTION) | \
	 BIT(LEGAL_BASIS) | BIT(ENTRY) | BIT(ORDER))

/* What everything said of a case takes, and what some of it does. */
#define ACT       (BIT(JSON) | BIT(REQUEST) | BIT(MAIL_DIR))
#define SAYS      (BIT(REASON) | BIT(TEXT) | BIT(AT))
#define SAYS_SO   (SAYS | BIT(AUTOMATIC))
#define WHERE     (SAYS | BIT(HOST) | BIT(COUNTRY))
#define PLACES    (SAYS | BIT(URL))
#define ESCALATES (SAYS | BIT(TO) | BIT(LEA))
#define FORWARDS  (SAYS | BIT(TO) | BIT(COUNTRY))
#define SENDS                                                                  \
	(BIT(TEXT) | BIT(AT) | BIT(MEANS) | BIT(ADDRESS) | BIT(REFERENCE) |    \
	 BIT(FAILED))

const struct hf_cmd_row hf_cmd_rows[] = {
	/* clang-format off */
	{ "hash", NULL, "FILE...", 1, MANY, BIT(JSON) | BIT(JOBS) | BIT(QUICK),
	  hf_cmd_hash, "print the hashes of files; no daemon is needed" },
	{ "publish", NULL, "--set SET FILE... | --set SET --import LIST", 0, MANY,
	  CALLS | BIT(JSON) | BIT(JOBS) | BIT(SET) | BIT(CLASS) | BIT(LABEL) | BIT(FLAG) |
	  BIT(JURISDICTION) | BIT(LEGAL_BASIS) | BIT(SERIES) | BIT(IMPORT) | BIT(FORMAT) |
	  BIT(TYPE) | BIT(BATCH) | BIT(SKIP_BAD) | BIT(DRY_RUN),
	  hf_cmd_publish, "add files, or a list of hashes, to a set of ours" },
	{ "retract", NULL, "SET INDEX | HASH | FILE | --batch ID", 0, 2,
	  CALLS | BIT(JSON) | BIT(BATCH) | BIT(REASON) | BIT(NOTE) | BIT(ERASE),
	  hf_cmd_retract, "take entries of ours back" },
	{ "opine", NULL, "SET INDEX | HASH --affirm | --dispute | --seen | --withdraw", 1, 2,
	  CALLS | BIT(JSON) | BIT(AFFIRM) | BIT(DISPUTE) | BIT(SEEN) | BIT(WITHDRAW) |
	  BIT(REASON) | BIT(NOTE) | BIT(UNTIL) | BIT(SET),
	  hf_cmd_opine, "say what we think of an entry" },
	{ "override", NULL, "SET INDEX | HASH --ignore --reason REASON --until DATE | --withdraw", 1, 2,
	  CALLS | BIT(JSON) | BIT(IGNORE) | BIT(WITHDRAW) | BIT(REASON) | BIT(NOTE) | BIT(UNTIL),
	  hf_cmd_override, "ignore an entry in lookups here" },
	{ "explain", NULL, "SET INDEX | HASH", 1, 2, CALLS | BIT(JSON),
	  hf_cmd_explain, "everything known of an entry, and why lookups answer so" },
	{ "release", NULL, "SET [INDEX]", 1, 2, CALLS,
	  hf_cmd_release, "let count what is held of a set, or an entry that hits too often" },
	{ "match", NULL, "FILE|HASH... | --stdin", 0, MANY,
	  CALLS | BIT(JSON) | BIT(JOBS) | BIT(QUICK) | BIT(CASES) | BIT(REMEMBER) |
	  BIT(STDIN) | BIT(UNAVAILABLE),
	  hf_cmd_match, "look files or hashes up" },
	{ "scan", NULL, "DIR... | --files-from LIST | --update", 0, MANY,
	  CALLS | BIT(JSON) | BIT(JOBS) | BIT(FRESH) | BIT(QUICK) | BIT(CASES) | BIT(REMEMBER) |
	  BIT(INVENTORY) | BIT(FILES_FROM) | BIT(ZERO) | BIT(RATE) | BIT(UPDATE),
	  hf_cmd_scan, "look every file under directories up" },
	{ "sets", "open", "NAME | --restricted", 0, 1,
	  CALLS | BIT(JSON) | BIT(CLASS) | BIT(PURPOSE) | BIT(RESTRICTED),
	  hf_cmd_sets_open, "open a set of our own" },
	{ "sets", "next-epoch", "SET", 1, 1,
	  CALLS | BIT(JSON) | BIT(FROM_SIZE) | BIT(EPOCH),
	  hf_cmd_sets_next_epoch, "go on with a set of ours in a new epoch" },
	{ "sets", "share", "SET PEER", 2, 2, CALLS | BIT(JSON) | BIT(RELAY) | BIT(WITNESS),
	  hf_cmd_sets_share, "let a peer have a set of ours" },
	{ "sets", "unshare", "SET PEER", 2, 2, CALLS | BIT(JSON),
	  hf_cmd_sets_unshare, "stop letting a peer have it" },
	{ "sets", "follow", "ORIGIN | --all-from PEER", 0, 1, CALLS | BIT(JSON) | BIT(ALL_FROM),
	  hf_cmd_sets_follow, "take a set that is offered to us" },
	{ "sets", "unfollow", "ORIGIN", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_sets_unfollow, "stop taking it" },
	{ "sets", "verify", "SET", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_sets_verify, "check every byte held of a set against its checkpoint" },
	{ "sets", "show", "SET", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_sets_show, "one set: its checkpoint, who cosigned it, why it is frozen" },
	{ "sets", "receipts", "SET", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_sets_receipts, "how far the members of a set of ours have applied it" },
	{ "sets", "evidence", "SET", 1, 1, CALLS,
	  hf_cmd_sets_evidence, "print what proves that a set was forked" },
	{ "sets", "thaw", "SET", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_sets_thaw, "go on with a frozen set, on the branch that is held here" },
	{ "sets", NULL, "", 0, 0, CALLS | BIT(JSON) | BIT(SIZES),
	  hf_cmd_sets, "the sets that are ours, followed or offered" },
	{ "peers", "add", "INVITE", 1, 1,
	  CALLS | BIT(JSON) | BIT(FINGERPRINT) | BIT(SILENT) | BIT(ENDPOINT),
	  hf_cmd_peers_add, "enrol a peer from its invite" },
	{ "peers", "remove", "NAME", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_peers_remove, "put a peer out" },
	{ "peers", NULL, "", 0, 0, CALLS | BIT(JSON),
	  hf_cmd_peers, "the peers that are enrolled" },
	{ "roles", "attest", "NAME --role ROLE", 1, 1,
	  CALLS | BIT(JSON) | BIT(ROLE) | BIT(POWER) | BIT(JURISDICTION) | BIT(UNTIL) | BIT(NOTE),
	  hf_cmd_roles_attest, "say what an organisation is" },
	{ "roles", "end", "NAME --role ROLE", 1, 1,
	  CALLS | BIT(JSON) | BIT(ROLE) | BIT(NOTE),
	  hf_cmd_roles_end, "say that it is that no longer" },
	{ "roles", NULL, "", 0, 0, CALLS | BIT(JSON),
	  hf_cmd_roles, "who is what, by whose word, and what counts here" },
	{ "hub", "propose", "ORIGIN | NAME", 1, 1,
	  CALLS | BIT(JSON) | BIT(ENDPOINT) | BIT(NOTE),
	  hf_cmd_hub_propose, "propose a set or an organisation in our catalogue" },
	{ "hub", "end", "ORIGIN | NAME", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_hub_end, "propose it no longer" },
	{ "hub", NULL, "", 0, 0, CALLS | BIT(JSON),
	  hf_cmd_hub, "what hubs propose, and what speaks against it" },
	{ "invite", NULL, "", 0, 0, CALLS,
	  hf_cmd_invite, "print our invite, to be given to a peer" },
	{ "status", NULL, "", 0, 0, CALLS | BIT(JSON),
	  hf_cmd_status, "how the daemon is" },
	{ "admin", "backup", "DIR", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_admin_backup, "copy what the daemon cannot make again, while it works" },
	{ "admin", "verify", "", 0, 0, CALLS | BIT(JSON),
	  hf_cmd_admin_verify, "verify all that the daemon stores, and say what is wrong" },
	{ "checkpoint", NULL, "SET", 1, 1, CALLS | BIT(VKEY),
	  hf_cmd_checkpoint, "print the signed note of a set" },
	{ "proof", NULL, "SET INDEX", 2, 2, CALLS,
	  hf_cmd_proof, "print the proof that an entry is in a set" },
	{ "notify", NULL,
	  "--provider P --url U --regime R --class C | --import LIST | --letter", 0, 0,
	  CALLS | NOTICE | BIT(JSON) | BIT(JOBS) | BIT(QUICK) | BIT(HOLD) | BIT(MAIL_DIR) |
	  BIT(REQUEST) | BIT(IMPORT) | BIT(SKIP_BAD) | BIT(DRY_RUN) | BIT(LETTER) | BIT(LANGUAGE),
	  hf_cmd_notify, "tell a provider of content, or order its removal" },
	{ "cases", "show", "CASE", 1, 1, CALLS | BIT(JSON),
	  hf_cmd_cases_show, "one case with its events" },
	{ "cases", "bundle", "CASE", 1, 1, CALLS,
	  hf_cmd_cases_bundle, "print what proves a case, to be kept in a file" },
#define ACT_ROW(word, event, takes, words) \
	{ "cases", word, "CASE", 1, 1, CALLS | ACT | (takes), hf_cmd_cases_act, words },
	HF_CMD_ACT_TABLE(ACT_ROW)
#undef ACT_ROW
	{ "cases", "order", "CASE --order FILE", 1, 1,
	  CALLS | NOTICE | BIT(JSON) | BIT(JOBS) | BIT(QUICK) | BIT(REQUEST) | BIT(MAIL_DIR),
	  hf_cmd_cases_order, "authority: order removal in a case" },
	{ "cases", NULL, "", 0, 0,
	  CALLS | BIT(JSON) | BIT(STATE) | BIT(OVERDUE) | BIT(OPEN) | BIT(PROVIDER) |
	  BIT(HASH) | BIT(FROM) | BIT(TO),
	  hf_cmd_cases, "cases, newest change first" },
	{ "watch", NULL, "[--exec COMMAND]", 0, 0,
	  CALLS | BIT(EXEC) | BIT(JOBS) | BIT(STATE) | BIT(ONCE) | BIT(FROM_NOW),
	  hf_cmd_watch, "every new or changed case, to a program or as lines" },
	{ "audit", NULL, "", 0, 0,
	  CALLS | BIT(JSON) | BIT(FROM) | BIT(TO) | BIT(WHO) | BIT(METHOD),
	  hf_cmd_audit, "who did what here, and what came of it" },
	{ "affected", NULL, "SET INDEX | HASH", 1, 2, CALLS | BIT(JSON),
	  hf_cmd_affected, "what this node did because of an entry or a hash" },
	{ "verify", NULL, "FILE", 1, 1, BIT(JSON),
	  hf_cmd_verify, "check a case's bundle, or evidence of a fork; no daemon is needed" },
	{ "report", "hosting", "", 0, 0,
	  CALLS | BIT(FROM) | BIT(TO) | BIT(FORMAT) | BIT(OUTPUT) | BIT(AUDIENCE) | BIT(PROVIDER),
	  hf_cmd_report_hosting, "who removed what, and how soon" },
	{ "report", "trusted-flagger", "", 0, 0,
	  CALLS | BIT(FROM) | BIT(TO) | BIT(FORMAT) | BIT(OUTPUT) | BIT(AUDIENCE) | BIT(PROVIDER),
	  hf_cmd_report_trusted_flagger, "the yearly counts of DSA Art. 22(3)" },
	{ "report", "dsc", "", 0, 0,
	  CALLS | BIT(FROM) | BIT(TO) | BIT(FORMAT) | BIT(OUTPUT) | BIT(AUDIENCE) | BIT(PROVIDER) |
	  BIT(BUNDLES),
	  hf_cmd_report_dsc, "who answered late, without a reason or not at all" },
	{ "export", "dsa-sor", "CASE... | --from DATE --to DATE", 0, MANY,
	  CALLS | BIT(FROM) | BIT(TO) | BIT(OUTPUT) | BIT(LEGAL_BASIS) | BIT(TYPE) | BIT(CONTENT_DATE),
	  hf_cmd_export_dsa_sor, "statements of reasons for the Commission's database" },
	/* clang-format on */
};

const size_t hf_cmd_rows_count = sizeof(hf_cmd_rows) / sizeof(hf_cmd_rows[0]);

/* What getopt_long() says of option 0: behind ':' and '?', which are its own
 * words. */
#define FIRST_OPTION 256

static const struct option long_options[] = {
#define LONG_OPTION(name, text, has_value)                                     \
	{ text, has_value, NULL, FIRST_OPTION + HF_CMD_##name },
	HF_CMD_OPTION_TABLE(LONG_OPTION)
#undef LONG_OPTION
		{ NULL, 0, NULL, 0 }
};

const char *hf_cmd_option_name(enum hf_cmd_option option)
{
	return long_options[option].name;
}

const char *hf_cmd_option(const struct hf_cmd *cmd, enum hf_cmd_option option)
{
	const struct hf_cmd_values *values = &cmd->options[option];

	return values->count > 0 ? values->at[values->count - 1] : NULL;
}

bool hf_cmd_has(const struct hf_cmd *cmd, enum hf_cmd_option option)
{
	return cmd->options[option].count > 0;
}

static enum hf_err take_options(struct hf_cmd *cmd, int argc, char **argv,
				struct hf_why *why)
{
	int option;

	/* 0 starts GNU getopt afresh, argument order included; ':' first: we
	 * word the complaints. */
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":0", long_options, NULL)) !=
	       -1) {
		struct hf_cmd_values *values;

		/* As find, xargs and others have it. */
		if (option == '0')
			option = FIRST_OPTION + HF_CMD_ZERO;

		if (option == ':')
			return hf_why(why, HF_E_ARGUMENT, "%.60s needs a value",
				      argv[optind - 1]);
		if (option == '?')
			return hf_why(why, HF_E_ARGUMENT,
				      "no option '%.60s'; hashfed --help lists "
				      "them",
				      argv[optind - 1]);
		option -= FIRST_OPTION;
		values = &cmd->options[option];
		if (values->count == HF_CMD_VALUES_MAX)
			return hf_why(why, HF_E_LIMIT,
				      "--%s is given more than %d times",
				      long_options[option].name,
				      HF_CMD_VALUES_MAX);
		values->at[values->count++] = optarg != NULL ? optarg : "";
	}
	cmd->args = argv + optind;
	cmd->args_count = (size_t)(argc - optind);
	return HF_OK;
}

/* "hosting, trusted-flagger, dsc" */
static void list_verbs(const char *group, char *out, size_t out_size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < hf_cmd_rows_count; i++) {
		const struct hf_cmd_row *row = &hf_cmd_rows[i];

		if (row->verb != NULL && strcmp(row->group, group) == 0 &&
		    len < out_size)
			len += (size_t)snprintf(out + len, out_size - len,
						"%s%s", len > 0 ? ", " : "",
						row->verb);
	}
}

static const struct hf_cmd_row *find_row(struct hf_cmd *cmd, struct hf_why *why)
{
	const char *group = cmd->args[0];
	const char *verb = cmd->args_count > 1 ? cmd->args[1] : "";
	bool is_group = false;

	for (size_t i = 0; i < hf_cmd_rows_count; i++) {
		const struct hf_cmd_row *row = &hf_cmd_rows[i];
		size_t words = row->verb != NULL ? 2 : 1;

		if (strcmp(row->group, group) != 0)
			continue;
		is_group = words == 2;
		if (words == 2 && strcmp(row->verb, verb) != 0)
			continue;
		/* "sets frobnicate" is a wrong verb, not an argument. */
		if (words == 1 && row->args_most == 0 && verb[0] != '\0')
			break;
		cmd->args += words;
		cmd->args_count -= words;
		return row;
	}
	if (is_group && verb[0] == '\0') {
		char verbs[256];

		list_verbs(group, verbs, sizeof(verbs));
		hf_why(why, HF_E_ARGUMENT, "'%.40s' needs one more word: %s",
		       group, verbs);
		return NULL;
	}
	hf_why(why, HF_E_ARGUMENT,
	       "no command '%.40s%s%.40s'; hashfed --help lists them", group,
	       verb[0] != '\0' ? " " : "", verb);
	return NULL;
}

static enum hf_err check_use(const struct hf_cmd *cmd,
			     const struct hf_cmd_row *row, struct hf_why *why)
{
	const char *space = row->verb != NULL ? " " : "";
	const char *verb = row->verb != NULL ? row->verb : "";

	if (cmd->args_count < row->args_least ||
	    cmd->args_count > row->args_most)
		return hf_why(why, HF_E_ARGUMENT, "usage: hashfed %s%s%s %s",
			      row->group, space, verb, row->usage);
	for (int i = 0; i < HF_CMD_OPTIONS; i++) {
		hf_cmd_bits bit = (hf_cmd_bits)1 << i;

		if (cmd->options[i].count > 0 &&
		    ((row->options | ALWAYS) & bit) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "'%s%s%s' has no option '--%s'",
				      row->group, space, verb,
				      long_options[i].name);
	}
	return HF_OK;
}

enum hf_err hf_cmd_parse(struct hf_cmd *cmd, int argc, char **argv,
			 const struct hf_cmd_row **out_row, struct hf_why *why)
{
	const struct hf_cmd_row *row;
	enum hf_err err = take_options(cmd, argc, argv, why);

	if (err != HF_OK)
		return err;
	if (hf_cmd_has(cmd, HF_CMD_HELP) || hf_cmd_has(cmd, HF_CMD_VERSION) ||
	    cmd->args_count == 0) {
		*out_row = NULL;
		return HF_OK;
	}
	row = find_row(cmd, why);
	if (row == NULL)
		return HF_E_ARGUMENT;
	err = check_use(cmd, row, why);
	if (err == HF_OK) {
		cmd->row = row;
		*out_row = row;
	}
	return err;
}
