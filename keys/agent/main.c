/*
 * hashfed-signer: holds the keys that sign checkpoints and agreements.
 * See hashfed-signer(8).
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "layout.h"
#include "log.h"
#include "notify.h"
#include "passphrase.h"
#include "sign.h"
#include "text.h"

#include "signer.h"
#include "signer_serve.h"

/* hashfed-signer(8), EXIT STATUS. */
enum { EXIT_FINE = 0, EXIT_RUNNING = 1, EXIT_SETUP = 2 };

#define PATH_SIZE (HF_LAYOUT_PATH_SIZE + 32)

struct arguments {
	const char *home;
	int fd;            /* -1: listen at run/signer.sock */
	int passphrase_fd; /* -1: none */
	bool awaits_report;
};

static const char usage[] =
	"usage: hashfed-signer [--home DIR] [--await-report] [--fd N]\n"
	"                      [--passphrase-fd N]\n";

static int complain(const struct hf_why *why, int status)
{
	fprintf(stderr, "hashfed-signer: %s\n", why->text);
	return status;
}

static int descriptor_of(const char *text)
{
	uint64_t number;

	if (hf_text_u64(hf_span_of(text), 1 << 20, &number) != HF_OK) {
		fprintf(stderr, "hashfed-signer: '%s' is no descriptor\n%s",
			text, usage);
		exit(EXIT_SETUP);
	}
	return (int)number;
}

static struct arguments parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "home", required_argument, NULL, 'h' },
		{ "await-report", no_argument, NULL, 'a' },
		{ "fd", required_argument, NULL, 'f' },
		{ "passphrase-fd", required_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, '?' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments arguments = { NULL, -1, -1, false };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			arguments.home = optarg;
			break;
		case 'a':
			arguments.awaits_report = true;
			break;
		case 'f':
			arguments.fd = descriptor_of(optarg);
			break;
		case 'p':
			arguments.passphrase_fd = descriptor_of(optarg);
			break;
		case 'V':
			printf("hashfed-signer %s\n", HF_VERSION);
			exit(EXIT_FINE);
		default:
			fputs(usage, stderr);
			exit(EXIT_SETUP);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(EXIT_SETUP);
	}
	return arguments;
}

static enum hf_err open_signer(const struct arguments *arguments,
			       const struct hf_layout *layout,
			       struct hf_signer **out_signer,
			       struct hf_why *why)
{
	struct hf_passphrase passphrase = { NULL, 0 };
	struct hf_signer_options options = { .credentials = NULL };
	char dir[PATH_SIZE];
	enum hf_err err;

	err = hf_file_join(dir, sizeof(dir), layout->lib, "signer", why);
	if (err == HF_OK && arguments->passphrase_fd >= 0)
		err = hf_passphrase_read(arguments->passphrase_fd, &passphrase,
					 why);
	if (err != HF_OK)
		return err;
	options.dir = dir;
	options.credentials = getenv("CREDENTIALS_DIRECTORY");
	options.passphrase = hf_passphrase_span(&passphrase);
	options.awaits_report = arguments->awaits_report;
	err = hf_signer_open(&options, out_signer, why);
	hf_passphrase_release(&passphrase);
	return err;
}

static void report_state(const struct hf_signer *signer)
{
	struct hf_record_state state = hf_signer_record(signer);

	if (state.is_new)
		hf_log(HF_LOG_WARNING, "signer", "began a new record",
		       "domain=%s", hf_signer_domain(signer));
	if (state.damaged_count > 0)
		hf_log(HF_LOG_ERROR, "signer", "found damage in the record",
		       "slots=%u intact=%u", state.damaged_count,
		       state.origins_count);
	if (hf_signer_warning(signer)[0] != '\0')
		hf_log(HF_LOG_WARNING, "signer", "lacks a key", "why=\"%s\"",
		       hf_signer_warning(signer));
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	struct hf_why why = { "" };
	struct hf_signer *signer = NULL;
	struct hf_layout layout;
	char path[PATH_SIZE];
	enum hf_err err;

	umask(0077);
	/* Whoever reads the log may go away: that is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	/* Nothing secret is in memory before this. */
	if (hf_process_harden(&why) != HF_OK || hf_sign_start(&why) != HF_OK)
		return complain(&why, EXIT_SETUP);

	if (hf_layout_find(arguments.home, &layout, &why) != HF_OK ||
	    hf_file_join(path, sizeof(path), layout.run, "signer.sock", &why) !=
		    HF_OK ||
	    (arguments.fd < 0 && hf_signer_check_path(path, &why) != HF_OK) ||
	    open_signer(&arguments, &layout, &signer, &why) != HF_OK)
		return complain(&why, EXIT_SETUP);
	report_state(signer);

	if (arguments.fd >= 0) {
		err = hf_signer_serve_fd(signer, arguments.fd, &why);
	} else {
		err = hf_file_mkdirs(layout.run, 0755, &why);
		if (err == HF_OK)
			err = hf_signer_serve_path(signer, path, &why);
	}
	hf_signer_close(signer);
	if (err == HF_OK)
		return EXIT_FINE;
	return complain(&why, err == HF_E_EXISTS ? EXIT_SETUP : EXIT_RUNNING);
}
