/*
 * bench_notices: takedown notices for running daemons, and what it measured.
 *
 *   bench_notices send RUN PROVIDER COUNT CLIENTS
 *                                   SendNotice by so many clients side by side
 *   bench_notices deliver RUN RUN2 PROVIDER COUNT
 *                                   one notice at a time from RUN to PROVIDER,
 *                                   which is RUN2: until its WatchCases tells
 *                                   of it, and until the receipt is back
 *   bench_notices watch RUN PROVIDER RATE SECONDS
 *                                   so many notices a second: until WatchCases
 *                                   of the same node tells of each
 *   bench_notices list RUN          every case, by pages of 1,000
 *
 * RUN is a directory of sockets.
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "duty.h"
#include "rpc.h"
#include "sign.h"

#include "client.h"
#include "client_watch.h"

#define ARENA_BYTES  ((size_t)16 * 1024 * 1024)
#define MOST_WAIT_US ((uint64_t)30 * 1000000)

static void die(const char *what, enum hf_err err, const struct hf_why *why)
{
	fprintf(stderr, "bench_notices: %s: %s: %s\n", what, hf_err_name(err),
		why->text);
	exit(1);
}

static struct hf_client *connect_run(const char *run)
{
	struct hf_client *client;
	struct hf_why why = { "" };
	enum hf_err err = hf_client_open(
		&(struct hf_client_options){
			.run_dir = run,
			.duties = HF_DUTY_ANALYST,
		},
		&client, &why);

	if (err != HF_OK)
		die("connect", err, &why);
	return client;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Percentiles of what took so long, which is sorted here. */
static void print_times(const char *what, uint64_t *us, size_t count)
{
	qsort(us, count, sizeof(*us), compare);
	printf("%s count=%zu p50_ms=%.1f p99_ms=%.1f max_ms=%.1f\n", what,
	       count, (double)us[count / 2] / 1e3,
	       (double)us[count * 99 / 100] / 1e3, (double)us[count - 1] / 1e3);
	fflush(stdout);
}

/* A notice as a hotline writes it: two places and two hashes. */
static void send_one(struct hf_client *client, const char *provider,
		     struct hf_arena *arena, char out_case_id[static 33])
{
	uint8_t id[HF_EVENT_ID_BYTES], digests[2][32] = { { 0 } };
	char number[33], urls[2][96];
	struct hf_locator locators[2] = { { .url = urls[0] },
					  { .url = urls[1] } };
	const struct hf_hash hashes[] = {
		{ .algorithm = HF_ALGORITHM_SHA256,
		  .digest = hf_span(digests[0], 32) },
		{ .algorithm = HF_ALGORITHM_SHA256,
		  .digest = hf_span(digests[1], 32) },
	};
	const struct hf_contact contact = { .name = "Hotline",
					    .email = "desk@hotline.example" };
	const struct hf_notice notice = {
		.provider = provider,
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_NCII,
		.hashes = hashes,
		.hashes_count = 2,
		.locators = locators,
		.locators_count = 2,
		.explanation = "Intimate images, published without consent.",
		.contact = &contact,
		.is_good_faith = true,
		.jurisdiction = "NL",
	};
	const struct hf_send_notice_request request = {
		.request_id = hf_span(id, sizeof(id)),
		.notice = &notice,
		.case_id = "",
	};
	struct hf_send_notice_response response;
	struct hf_why why = { "" };
	enum hf_err err;

	hf_random(id, sizeof(id));
	hf_random(digests, sizeof(digests));
	hf_hex(id, sizeof(id), number);
	for (int i = 0; i < 2; i++)
		snprintf(urls[i], sizeof(urls[i]),
			 "https://images.host.example/album/%s/%d", number, i);
	hf_arena_reset(arena);
	err = hf_client_send_notice(client, &request, arena, &response, &why);
	if (err != HF_OK)
		die("send", err, &why);
	snprintf(out_case_id, 33, "%s", response.summary->case_id);
}

/*
 * Watching.
 */

struct watcher {
	struct hf_client *client;
	struct hf_client_watch *watch;
	struct hf_arena arena;
	int fd;
};

static void watcher_open(struct watcher *watcher, const char *run)
{
	const struct hf_watch_cases_request request = { .only_new = true };
	struct hf_watch_cases_response news = { .is_mark = false };
	struct hf_why why = { "" };
	enum hf_err err;

	watcher->client = connect_run(run);
	watcher->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	hf_arena_init(&watcher->arena, ARENA_BYTES);
	err = hf_client_watch_begin(watcher->client, &request, watcher->fd,
				    &watcher->watch, &why);
	if (err != HF_OK)
		die("watch", err, &why);
	/* Only what comes behind the mark was sent after it. */
	while (!news.is_mark) {
		err = hf_client_watch_take(watcher->watch, &watcher->arena,
					   &news, &why);
		if (err != HF_OK && err != HF_E_NOTFOUND)
			die("watch", err, &why);
	}
}

static void watcher_close(struct watcher *watcher)
{
	hf_client_watch_end(watcher->watch);
	hf_client_close(watcher->client);
	hf_arena_release(&watcher->arena);
	close(watcher->fd);
}

/* The next change; false when none comes in time. */
static bool watcher_next(struct watcher *watcher,
			 struct hf_watch_cases_response *out, int timeout_ms)
{
	struct pollfd wait = { .fd = watcher->fd, .events = POLLIN };
	uint64_t until_us = hf_clock_mono_us() + (uint64_t)timeout_ms * 1000;
	struct hf_why why = { "" };

	for (;;) {
		uint64_t count, now_us;
		enum hf_err err;

		hf_arena_reset(&watcher->arena);
		err = hf_client_watch_take(watcher->watch, &watcher->arena, out,
					   &why);
		if (err == HF_OK)
			return true;
		if (err != HF_E_NOTFOUND)
			die("watch", err, &why);
		now_us = hf_clock_mono_us();
		if (now_us >= until_us)
			return false;
		(void)poll(&wait, 1, (int)((until_us - now_us) / 1000) + 1);
		(void)!read(watcher->fd, &count, sizeof(count));
	}
}

/* When it tells of this case for the first time, in a state it may have. */
static uint64_t watcher_sees(struct watcher *watcher, const char *case_id,
			     bool is_acknowledged)
{
	struct hf_watch_cases_response news;
	uint64_t begun_us = hf_clock_mono_us();

	while (hf_clock_mono_us() - begun_us < MOST_WAIT_US) {
		if (watcher_next(watcher, &news, 1000) &&
		    strcmp(news.summary->case_id, case_id) == 0 &&
		    (!is_acknowledged || news.summary->acknowledged_ms != 0))
			return hf_clock_mono_us();
	}
	fprintf(stderr, "bench_notices: it never came\n");
	exit(1);
}

/*
 * Sending.
 */

struct sender {
	pthread_t thread;
	const char *run;
	const char *provider;
	size_t count;
	uint64_t every_us;  /* 0: as fast as they are taken */
	uint64_t offset_us; /* of the first */
	uint64_t *took_us;  /* of each call */
	uint64_t *ended_us; /* acknowledged at */
	char (*case_ids)[33];
};

static void *sender_main(void *arg)
{
	struct sender *sender = arg;
	struct hf_client *client = connect_run(sender->run);
	uint64_t start_us = hf_clock_mono_us() + sender->offset_us;
	struct hf_arena arena;

	hf_arena_init(&arena, ARENA_BYTES);
	for (size_t i = 0; i < sender->count; i++) {
		uint64_t begun_us = hf_clock_mono_us();

		/* At its time, whatever the one before took. */
		if (begun_us < start_us + i * sender->every_us) {
			usleep((useconds_t)(start_us + i * sender->every_us -
					    begun_us));
			begun_us = hf_clock_mono_us();
		}
		send_one(client, sender->provider, &arena, sender->case_ids[i]);
		sender->ended_us[i] = hf_clock_mono_us();
		sender->took_us[i] = sender->ended_us[i] - begun_us;
	}
	hf_arena_release(&arena);
	hf_client_close(client);
	return NULL;
}

/* count notices by so many clients; all of them share the three arrays. */
struct sending {
	struct sender *senders;
	size_t clients;
	size_t count;
	uint64_t *took_us;
	uint64_t *ended_us;
	char (*case_ids)[33];
};

static void sending_begin(struct sending *sending, const char *run,
			  const char *provider, size_t count, size_t clients,
			  double per_s)
{
	size_t each = count / clients;

	*sending = (struct sending){
		.senders = calloc(clients, sizeof(*sending->senders)),
		.clients = clients,
		.count = each * clients,
		.took_us = calloc(each * clients, sizeof(uint64_t)),
		.ended_us = calloc(each * clients, sizeof(uint64_t)),
		.case_ids = calloc(each * clients, 33),
	};
	for (size_t i = 0; i < clients; i++) {
		sending->senders[i] = (struct sender){
			.run = run,
			.provider = provider,
			.count = each,
			.every_us = per_s > 0 ? (uint64_t)((double)clients *
							   1e6 / per_s)
					      : 0,
			.offset_us =
				per_s > 0 ? (uint64_t)((double)i * 1e6 / per_s)
					  : 0,
			.took_us = sending->took_us + i * each,
			.ended_us = sending->ended_us + i * each,
			.case_ids = sending->case_ids + i * each,
		};
		if (pthread_create(&sending->senders[i].thread, NULL,
				   sender_main, &sending->senders[i]) != 0)
			exit(1);
	}
}

static void sending_join(struct sending *sending)
{
	for (size_t i = 0; i < sending->clients; i++)
		pthread_join(sending->senders[i].thread, NULL);
}

static void sending_free(struct sending *sending)
{
	free(sending->senders);
	free(sending->took_us);
	free(sending->ended_us);
	free(sending->case_ids);
}

static int run_send(char **argv)
{
	size_t clients = (size_t)atoll(argv[3]);
	uint64_t begun_us = hf_clock_mono_us();
	struct sending sending;

	sending_begin(&sending, argv[0], argv[1], (size_t)atoll(argv[2]),
		      clients, 0);
	sending_join(&sending);
	printf("send clients=%zu notices=%zu notices_per_s=%.0f\n", clients,
	       sending.count,
	       (double)sending.count * 1e6 /
		       (double)(hf_clock_mono_us() - begun_us));
	print_times("send call", sending.took_us, sending.count);
	sending_free(&sending);
	return 0;
}

static uint64_t since(uint64_t at_us, uint64_t begun_us)
{
	return at_us > begun_us ? at_us - begun_us : 0;
}

/* One notice at a time, each with its way there and its receipt's way back. */
static int run_deliver(char **argv)
{
	size_t count = (size_t)atoll(argv[3]);
	uint64_t *there_us = calloc(count, sizeof(*there_us));
	uint64_t *back_us = calloc(count, sizeof(*back_us));
	struct hf_client *client = connect_run(argv[0]);
	struct watcher here, there;
	struct hf_arena arena;

	hf_arena_init(&arena, ARENA_BYTES);
	watcher_open(&here, argv[0]);
	watcher_open(&there, argv[1]);
	for (size_t i = 0; i < count; i++) {
		char case_id[33];
		uint64_t sent_us;

		send_one(client, argv[2], &arena, case_id);
		sent_us = hf_clock_mono_us();
		there_us[i] =
			since(watcher_sees(&there, case_id, false), sent_us);
		back_us[i] = since(watcher_sees(&here, case_id, true), sent_us);
	}
	print_times("acknowledged to told at the provider", there_us, count);
	print_times("acknowledged to receipt at the notifier", back_us, count);
	watcher_close(&there);
	watcher_close(&here);
	hf_arena_release(&arena);
	hf_client_close(client);
	free(there_us);
	free(back_us);
	return 0;
}

/* When each case was told of first. */
struct told {
	char case_id[33];
	uint64_t at_us;
};

static int compare_told(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	int order = strcmp(x->case_id, y->case_id);

	return order != 0 ? order : compare(&x->at_us, &y->at_us);
}

static const struct told *told_find(const struct told *told, size_t count,
				    const char *case_id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(told[middle].case_id, case_id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && strcmp(told[low].case_id, case_id) == 0
		       ? &told[low]
		       : NULL;
}

static int run_watch(char **argv)
{
	double per_s = atof(argv[2]), seconds = atof(argv[3]);
	size_t count = (size_t)(per_s * seconds), most = count * 8, told_n = 0;
	struct told *told = calloc(most, sizeof(*told));
	struct hf_watch_cases_response news;
	struct sending sending;
	struct watcher watcher;
	uint64_t begun_us;

	watcher_open(&watcher, argv[0]);
	begun_us = hf_clock_mono_us();
	sending_begin(&sending, argv[0], argv[1], count, 16, per_s);
	while (told_n < most &&
	       (watcher_next(&watcher, &news, 2000) ||
		(double)(hf_clock_mono_us() - begun_us) / 1e6 < seconds)) {
		if (news.summary == NULL)
			continue;
		snprintf(told[told_n].case_id, sizeof(told[told_n].case_id),
			 "%s", news.summary->case_id);
		told[told_n++].at_us = hf_clock_mono_us();
	}
	sending_join(&sending);
	qsort(told, told_n, sizeof(*told), compare_told);
	for (size_t i = 0; i < sending.count; i++) {
		const struct told *first =
			told_find(told, told_n, sending.case_ids[i]);

		if (first == NULL) {
			fprintf(stderr, "bench_notices: one was not told\n");
			return 1;
		}
		/* From the call's beginning: it is told before it is
		 * acknowledged. */
		sending.ended_us[i] = since(
			first->at_us, sending.ended_us[i] - sending.took_us[i]);
	}
	printf("watch notices_per_s=%.0f changes_told=%zu\n", per_s, told_n);
	print_times("call begun to told on the same node", sending.ended_us,
		    sending.count);
	print_times("call begun to acknowledged", sending.took_us,
		    sending.count);
	sending_free(&sending);
	watcher_close(&watcher);
	free(told);
	return 0;
}

static int run_list(char **argv)
{
	struct hf_client *client = connect_run(argv[0]);
	struct hf_list_cases_request request = { .page_size = 1000,
						 .provider = "" };
	struct hf_list_cases_response page;
	uint64_t begun_us = hf_clock_mono_us(), cases = 0;
	struct hf_why why = { "" };
	struct hf_arena arena;
	char token[128] = "";

	hf_arena_init(&arena, 4 * ARENA_BYTES);
	do {
		enum hf_err err;

		request.page_token = token;
		hf_arena_reset(&arena);
		err = hf_client_list_cases(client, &request, &arena, &page,
					   &why);
		if (err != HF_OK)
			die("list", err, &why);
		cases += page.cases_count;
		snprintf(token, sizeof(token), "%s", page.next_page_token);
	} while (token[0] != '\0');
	printf("list cases=%" PRIu64 " ms=%.1f\n", cases,
	       (double)(hf_clock_mono_us() - begun_us) / 1e3);
	hf_arena_release(&arena);
	hf_client_close(client);
	return 0;
}

int main(int argc, char **argv)
{
	struct hf_why why = { "" };
	int status = 2;

	if (hf_sign_start(&why) != HF_OK)
		return 1;
	if (argc == 6 && strcmp(argv[1], "send") == 0 && atoll(argv[5]) > 0)
		status = run_send(argv + 2);
	else if (argc == 6 && strcmp(argv[1], "deliver") == 0)
		status = run_deliver(argv + 2);
	else if (argc == 6 && strcmp(argv[1], "watch") == 0)
		status = run_watch(argv + 2);
	else if (argc == 3 && strcmp(argv[1], "list") == 0)
		status = run_list(argv + 2);
	else
		fputs("usage: the first comment of bench_notices.c\n", stderr);
	return status;
}
