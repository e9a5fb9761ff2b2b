/*
 * hashfedd: share signed hash sets with enrolled peers, and match against
 * them.  hashfedd(8) is the manual, daemon/DESIGN.md the reasons.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "ring.h"
#include "sign.h"

#include "start.h"
#include "watch.h"

#define EXIT_CONF 2
#define GRACE_MS  10000

struct arguments {
	const char *file;
	const char *home;
	bool checks_only;
	bool is_verbose;
};

static void usage(FILE *to)
{
	fputs("usage: hashfedd [-nv] [-f file] [--home directory]\n"
	      "       hashfedd -V\n",
	      to);
}

static void parse_arguments(int argc, char **argv, struct arguments *out)
{
	static const struct option options[] = {
		{ "home", required_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*out = (struct arguments){ 0 };
	while ((option = getopt_long(argc, argv, "f:hnvV", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'f':
			out->file = optarg;
			break;
		case 'H':
			out->home = optarg;
			break;
		case 'n':
			out->checks_only = true;
			break;
		case 'v':
			out->is_verbose = true;
			break;
		case 'V':
			puts("hashfedd " HF_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(EXIT_CONF);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(EXIT_CONF);
	}
}

static enum hf_err configure(const struct arguments *arguments,
			     struct hf_start *start, struct hf_why *why)
{
	enum hf_err err = hf_layout_find(arguments->home, &start->layout, why);

	if (err == HF_OK)
		err = hf_conf_read(arguments->file, &start->layout,
				   &start->conf, why);
	if (err != HF_OK)
		return err;
	hf_log_set_level(arguments->is_verbose
				 ? HF_LOG_DEBUG
				 : (enum hf_log_level)start->conf->log_level);
	return hf_start_check(start, why);
}

static void say_ready(const struct hf_start *start)
{
	struct hf_ring *ring = hf_ring_holder_get(start->node.ring);
	const struct hf_organisation *peers;
	const struct hf_ring_set *sets;

	hf_log(HF_LOG_INFO, "hashfedd", "ready",
	       "organisation=%s listen=%s peers=%zu sets=%zu",
	       hf_ring_self(ring)->name, start->node.listen,
	       hf_ring_peers(ring, &peers), hf_ring_sets(ring, &sets));
	hf_ring_release(ring);
	hf_notify("READY=1");
}

int main(int argc, char **argv)
{
	struct hf_start start = { .node.started_ms = hf_clock_wall_ms() };
	struct hf_watch watch = { .signals = -1, .ring = -1 };
	struct arguments arguments;
	struct hf_why why = { "" };
	int status = EXIT_CONF;
	enum hf_err err;

	start.watch = &watch;
	parse_arguments(argc, argv, &arguments);
	err = hf_sign_start(&why);
	if (err == HF_OK)
		err = configure(&arguments, &start, &why);
	if (err != HF_OK || arguments.checks_only)
		goto out;

	err = hf_process_harden(&why);
	if (err == HF_OK)
		err = hf_watch_open(&watch, &why);
	if (err == HF_OK)
		err = hf_start_signer(&start, arguments.home, &why);

	/* The last fork is behind us: threads from here. */
	if (err == HF_OK)
		err = hf_start_store(&start, &why);
	if (err == HF_OK)
		err = hf_start_serve(&start, &why);
	if (err == HF_OK)
		err = hf_watch_ring(&watch, &start, &why);
	/* Asked to end in the middle of it: as it is asked later. */
	if (watch.has_ended)
		err = HF_OK;
	if (err != HF_OK || watch.has_ended)
		goto out;

	status = EXIT_FAILURE;
	say_ready(&start);
	err = hf_watch_run(&watch, &start, &why);
	hf_notify("STOPPING=1");

out:
	if (err != HF_OK)
		fprintf(stderr, "hashfedd: %s\n",
			why.text[0] != '\0' ? why.text : hf_err_words(err));
	hf_start_stop(&start, GRACE_MS);
	hf_watch_close(&watch);
	return err == HF_OK ? EXIT_SUCCESS : status;
}
