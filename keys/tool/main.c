/*
 * hashfed-key -- make an organisation, enrol peers, issue client certificates.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "clock.h"
#include "limit.h"
#include "sign.h"

#include "tool.h"

#define BIT(name)  HF_TOOL_BIT(name)
#define EXIT_WORRY 1
#define EXIT_NO    2

/* Every subcommand: its words, its arguments and how many, what it takes. */
static const struct command {
	const char *group, *verb;
	const char *usage;
	size_t args_least, args_most;
	uint64_t options;
	enum hf_err (*run)(struct hf_tool *tool, struct hf_why *why);
	const char *words;
} commands[] = {
	/* clang-format off */
	{ "new", NULL, "DOMAIN --country CC", 1, 1,
	  BIT(COUNTRY) | BIT(SET) | BIT(ENDPOINT) | BIT(LISTEN) | BIT(PASSPHRASE_FD) |
	  BIT(RECOVERY_FILE) | BIT(KDF_COST),
	  hf_tool_new, "make an organisation: keys, certificate, manifest, configuration" },
	{ "invite", NULL, "", 0, 0, 0,
	  hf_tool_invite, "print our invite, to be given to a peer" },
	{ "peer", "fingerprint", "FILE", 1, 1, 0,
	  hf_tool_peer_fingerprint, "the 40 digits to compare with the owner of an invite" },
	{ "peer", "add", "FILE --fingerprint DIGITS", 1, 1,
	  BIT(FINGERPRINT) | BIT(SILENT) | BIT(ENDPOINT) | BIT(REPLACES),
	  hf_tool_peer_add, "enrol a peer from its invite" },
	{ "peer", "list", "", 0, 0, 0,
	  hf_tool_peer_list, "who is enrolled" },
	{ "peer", "remove", "DOMAIN", 1, 1, 0,
	  hf_tool_peer_remove, "put a peer out" },
	{ "manifest", "show", "[FILE]", 0, 1, 0,
	  hf_tool_manifest_show, "our manifest, or the one of an invite" },
	{ "manifest", "sign", "", 0, 0,
	  BIT(ENDPOINT) | BIT(NO_ENDPOINT) | BIT(ADD_PIN) | BIT(REMOVE_PIN) | BIT(COUNTRY) |
	  BIT(ROOT) | BIT(NEW_ROOT) | BIT(THRESHOLD) | BIT(PASSPHRASE_FD),
	  hf_tool_manifest_sign, "sign our next manifest with the root key" },
	{ "agreement", "show", "FILE|SET", 1, 1, 0,
	  hf_tool_agreement_show, "who may have a set" },
	{ "agreement", "sign", "SET", 1, 1,
	  BIT(ADD) | BIT(REMOVE) | BIT(RELAY) | BIT(RELAY_BY) | BIT(WITNESS) |
	  BIT(PURPOSE) | BIT(CLASS) | BIT(DAYS),
	  hf_tool_agreement_sign, "open a set, or change who may have it" },
	{ "client", "issue", "NAME --duty DUTY --out DIR", 1, 1,
	  BIT(DUTY) | BIT(DAYS) | BIT(OUT),
	  hf_tool_client_issue, "a certificate for a person or program of ours" },
	{ "client", "list", "", 0, 0, 0,
	  hf_tool_client_list, "the certificates issued" },
	{ "client", "renew", "NAME|SERIAL --out DIR", 1, 1, BIT(DAYS) | BIT(OUT),
	  hf_tool_client_renew, "a new certificate for the same key" },
	{ "client", "revoke", "NAME|SERIAL", 1, 1, 0,
	  hf_tool_client_revoke, "end a certificate now" },
	{ "recovery", "verify", "FILE", 1, 1, 0,
	  hf_tool_recovery_verify, "is this the recovery copy of our root key?" },
	{ "recovery", "restore", "FILE", 1, 1, BIT(PASSPHRASE_FD) | BIT(KDF_COST) | BIT(OUT),
	  hf_tool_recovery_restore, "make the root key's file anew" },
	{ "root", "new", "FILE", 1, 1, BIT(PASSPHRASE_FD) | BIT(RECOVERY_FILE) | BIT(KDF_COST),
	  hf_tool_root_new, "another root key, for manifest sign --new-root" },
	{ "tls", "new", "--out DIR", 0, 0, BIT(OUT),
	  hf_tool_tls_new, "another TLS key, for manifest sign --add-pin" },
	{ "storage", "new", "", 0, 0, 0,
	  hf_tool_storage_new, "the storage key, for an organisation of before takedown cases" },
	{ "log", "new", "", 0, 0, 0,
	  hf_tool_log_new, "the log key that will follow; both sign" },
	{ "log", "retire", "", 0, 0, 0,
	  hf_tool_log_retire, "end the log key in force, for the one that follows" },
	{ "cosigner", "new", "", 0, 0, 0,
	  hf_tool_cosigner_new, "the cosigner key that will follow; both sign" },
	{ "cosigner", "retire", "", 0, 0, 0,
	  hf_tool_cosigner_retire, "end the cosigner key in force" },
	{ "passwd", NULL, "", 0, 0,
	  BIT(PASSPHRASE_FD) | BIT(NEW_PASSPHRASE_FD) | BIT(KDF_COST) | BIT(ROOT),
	  hf_tool_passwd, "change the passphrase of the root key" },
	{ "check", NULL, "", 0, 0, 0,
	  hf_tool_check, "files, clock, what expires soon" },
	{ "vkey", NULL, "SET", 1, 1, 0,
	  hf_tool_vkey, "the keys of a set, for C2SP tools" },
	/* clang-format on */
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option long_options[] = {
#define ROW(name, text, has_value) { text, has_value, NULL, HF_TOOL_##name },
	HF_TOOL_OPTION_TABLE(ROW)
#undef ROW
		{ NULL, 0, NULL, 0 },
};

static void usage(FILE *to)
{
	fprintf(to, "usage: hashfed-key [--home DIR] COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		char line[80];

		snprintf(line, sizeof(line), "%s%s%s %s", commands[i].group,
			 commands[i].verb != NULL ? " " : "",
			 commands[i].verb != NULL ? commands[i].verb : "",
			 commands[i].usage);
		fprintf(to, "  %-40s %s\n", line, commands[i].words);
	}
	fprintf(to, "\nhashfed-key(1) has the options.\n");
}

static enum hf_err take_options(struct hf_tool *tool, int argc, char **argv,
				struct hf_why *why)
{
	int found;

	/* The leading colon: we say ourselves what is wrong. */
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":", long_options, NULL)) !=
	       -1) {
		struct hf_tool_values *values;

		if (found == ':')
			return hf_why(why, HF_E_ARGUMENT, "'%s' needs a value",
				      argv[optind - 1]);
		if (found == '?')
			return hf_why(why, HF_E_ARGUMENT,
				      "no option '%s'; hashfed-key --help "
				      "lists the commands",
				      argv[optind - 1]);
		values = &tool->options[found];
		if (values->count == HF_TOOL_VALUES_MAX)
			return hf_why(
				why, HF_E_LIMIT, "'--%s' at most %d times",
				long_options[found].name, HF_TOOL_VALUES_MAX);
		values->at[values->count++] = optarg != NULL ? optarg : "";
	}
	tool->args = argv + optind;
	tool->args_count = (size_t)(argc - optind);
	return HF_OK;
}

static const struct command *find_command(struct hf_tool *tool,
					  struct hf_why *why)
{
	const char *group = tool->args_count > 0 ? tool->args[0] : "";
	const char *verb = tool->args_count > 1 ? tool->args[1] : "";

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t words = commands[i].verb != NULL ? 2 : 1;

		if (strcmp(commands[i].group, group) != 0 ||
		    (words == 2 && strcmp(commands[i].verb, verb) != 0))
			continue;
		tool->args += words;
		tool->args_count -= words;
		return &commands[i];
	}
	hf_why(why, HF_E_ARGUMENT,
	       "no command '%.40s%s%.40s'; hashfed-key --help lists them",
	       group, verb[0] != '\0' ? " " : "", verb);
	return NULL;
}

static enum hf_err check_use(const struct hf_tool *tool,
			     const struct command *command, struct hf_why *why)
{
	if (tool->args_count < command->args_least ||
	    tool->args_count > command->args_most)
		return hf_why(why, HF_E_ARGUMENT,
			      "usage: hashfed-key %s%s%s %s", command->group,
			      command->verb != NULL ? " " : "",
			      command->verb != NULL ? command->verb : "",
			      command->usage);
	for (int i = 0; i < HF_TOOL_OPTIONS; i++) {
		uint64_t bit = (uint64_t)1 << i;

		if (tool->options[i].count > 0 &&
		    ((command->options | BIT(HOME)) & bit) == 0)
			return hf_why(
				why, HF_E_ARGUMENT,
				"'%s%s%s' has no option '--%s'", command->group,
				command->verb != NULL ? " " : "",
				command->verb != NULL ? command->verb : "",
				long_options[i].name);
	}
	return HF_OK;
}

static enum hf_err find_places(struct hf_tool *tool, struct hf_why *why)
{
	const char *home = hf_tool_option(tool, HF_TOOL_HOME);
	enum hf_err err = hf_layout_find(home, &tool->layout, why);

	if (err == HF_OK)
		err = hf_tool_path(tool->ring, tool->layout.lib, "ring", why);
	if (err == HF_OK)
		err = hf_tool_path(tool->signer, tool->layout.lib, "signer",
				   why);
	if (err == HF_OK)
		err = hf_tool_path(tool->tls, tool->layout.lib, "tls", why);
	tool->is_system = strcmp(tool->layout.etc, "/etc/hashfed") == 0;
	return err;
}

static enum hf_err run(struct hf_tool *tool, struct hf_why *why)
{
	const struct command *command = find_command(tool, why);
	enum hf_err err;

	if (command == NULL)
		return HF_E_ARGUMENT;
	err = check_use(tool, command, why);
	if (err == HF_OK)
		err = find_places(tool, why);
	if (err == HF_OK)
		err = hf_sign_start(why);
	if (err == HF_OK)
		err = command->run(tool, why);
	return err;
}

int main(int argc, char **argv)
{
	const struct rlimit no_core = { 0, 0 };
	static struct hf_tool tool;
	struct hf_why why = { "" };
	enum hf_err err;

	/* Keys pass through here: no core files, nothing readable by others
	 * unless it is meant to be. */
	setrlimit(RLIMIT_CORE, &no_core);
	umask(022);
	tool.now_ms = hf_clock_wall_ms();
	hf_arena_init(&tool.arena, HF_UNPACK_MAX_BYTES);
	err = take_options(&tool, argc, argv, &why);
	if (err == HF_OK && tool.options[HF_TOOL_HELP].count > 0) {
		usage(stdout);
		return EXIT_SUCCESS;
	}
	if (err == HF_OK && tool.options[HF_TOOL_VERSION].count > 0) {
		printf("hashfed-key %s\n", HF_VERSION);
		return EXIT_SUCCESS;
	}
	if (err == HF_OK && tool.args_count == 0) {
		usage(stderr);
		return EXIT_NO;
	}
	if (err == HF_OK)
		err = run(&tool, &why);
	hf_arena_release(&tool.arena);
	if (err == HF_OK && fflush(stdout) != 0)
		err = hf_why_errno(&why, "write to standard output");
	if (err != HF_OK) {
		fprintf(stderr, "hashfed-key: %s\n", why.text);
		return EXIT_NO;
	}
	return tool.is_worried ? EXIT_WORRY : EXIT_SUCCESS;
}
