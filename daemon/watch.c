#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "own_keys.h"
#include "ring.h"
#include "rpc_server.h"
#include "rpc_tls.h"

#include "start.h"
#include "watch.h"

/* A burst of files (an enrolment writes several) is one change. */
#define SETTLE_MS 50

/* Whoever never stops changing files waits no longer than this. */
#define SETTLE_MOST 20

/* How often the listener is asked whether it still accepts, and how often in
 * a row it may fail to: a machine that is busy for seconds answers late, a
 * listener that died never answers again. */
#define PROBE_MS         15000
#define PROBE_AGAIN_MS   1000
#define PROBE_TIMEOUT_MS 2000
#define PROBE_MISSES_MAX 5

enum hf_err hf_watch_open(struct hf_watch *watch, struct hf_why *why)
{
	sigset_t set;

	watch->ring = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return hf_why_errno(why, "block signals");
	signal(SIGPIPE, SIG_IGN);
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (watch->signals < 0)
		return hf_why_errno(why, "wait for signals");
	return HF_OK;
}

void hf_watch_close(struct hf_watch *watch)
{
	if (watch->ring >= 0)
		close(watch->ring);
	if (watch->signals >= 0)
		close(watch->signals);
}

static enum hf_err add_watches(struct hf_watch *watch, const char *dir,
			       struct hf_why *why)
{
	static const char *const parts[] = { "", "/peers", "/agreements",
					     "/clients", "/history" };
	const uint32_t what =
		IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
	char path[HF_NODE_PATH_SIZE + 16];

	watch->ring = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->ring < 0)
		return hf_why_errno(why, "watch '%s'", dir);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		if (inotify_add_watch(watch->ring, path, what) < 0 &&
		    errno != ENOENT)
			return hf_why_errno(why, "watch '%s'", path);
	}
	return HF_OK;
}

static void reload(struct hf_start *start)
{
	struct hf_why why = { "" };
	enum hf_err err = hf_node_ring_changed(&start->node, &why);

	if (err == HF_OK)
		hf_log(HF_LOG_INFO, "ring", "read again", "%s", "");
	else
		hf_log(HF_LOG_ERROR, "ring", "not read", "err=%s why=\"%s\"",
		       hf_err_name(err), why.text);
}

/* Take everything that inotify has; reload once it is quiet. */
static void drain_ring(struct hf_watch *watch, struct hf_start *start)
{
	struct pollfd more = { .fd = watch->ring, .events = POLLIN };
	char events[4096];
	int rounds = 0;

	do {
		while (read(watch->ring, events, sizeof(events)) > 0)
			;
	} while (++rounds < SETTLE_MOST && poll(&more, 1, SETTLE_MS) > 0);
	reload(start);
}

enum hf_err hf_watch_ring(struct hf_watch *watch, struct hf_start *start,
			  struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (watch->ring < 0)
		err = add_watches(watch, start->node.ring_dir, why);
	return err == HF_OK ? hf_node_ring_changed(&start->node, why) : err;
}

/* Who may call; the rest follows when it is read once more, with the store. */
static void reload_callers(struct hf_start *start)
{
	struct hf_why why = { "" };

	if (hf_ring_holder_reload(start->node.ring, &why) == HF_OK)
		hf_rpc_trust_changed(start->node.trust);
	else
		hf_log(HF_LOG_ERROR, "ring", "not read", "why=\"%s\"",
		       why.text);
}

bool hf_watch_look(struct hf_watch *watch, struct hf_start *start)
{
	struct pollfd signals = { .fd = watch->signals, .events = POLLIN };
	struct signalfd_siginfo info;
	bool has_changed = false;
	char events[4096];

	if (watch->ring < 0) {
		/* What changed since it was read first, too. */
		has_changed =
			add_watches(watch, start->node.ring_dir, NULL) == HF_OK;
	}
	while (watch->ring >= 0 &&
	       read(watch->ring, events, sizeof(events)) > 0)
		has_changed = true;
	while (poll(&signals, 1, 0) > 0 &&
	       read(watch->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			watch->has_ended = true;
		has_changed = true;
	}
	if (has_changed && !watch->has_ended)
		reload_callers(start);
	return !watch->has_ended;
}

/* What is due by the clock. */
struct due {
	uint64_t probe_us;
	uint64_t tick_us;
	unsigned misses;
};

/* True to go on. */
static bool take_signal(struct hf_watch *watch, struct hf_start *start,
			struct due *due)
{
	struct signalfd_siginfo info;

	if (read(watch->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP) {
		reload(start);
		/* The clock may have been set, too. */
		due->tick_us = 0;
		return true;
	}
	hf_log(HF_LOG_INFO, "hashfedd", "stopping", "signal=%s",
	       strsignal((int)info.ssi_signo));
	return false;
}

/* Ask the listener, and say when to ask again. */
static enum hf_err probe(const struct hf_start *start, unsigned *misses,
			 uint64_t *out_next_us, struct hf_why *why)
{
	enum hf_err err =
		hf_rpc_server_probe(start->server, PROBE_TIMEOUT_MS, why);
	bool has_missed = err != HF_OK;

	*misses = has_missed ? *misses + 1 : 0;
	*out_next_us = hf_clock_mono_us() +
		       (has_missed ? PROBE_AGAIN_MS : PROBE_MS) * 1000;
	if (!has_missed || *misses >= PROBE_MISSES_MAX)
		return err;
	hf_log(HF_LOG_WARNING, "hashfedd", "listener did not answer",
	       "misses=%u why=\"%s\"", *misses, why->text);
	return HF_OK;
}

static enum hf_err act_on_time(struct hf_start *start, struct due *due,
			       struct hf_why *why)
{
	uint64_t now_us = hf_clock_mono_us();

	if (now_us >= due->tick_us) {
		hf_node_tick(&start->node);
		due->tick_us = now_us + (uint64_t)HF_NODE_TICK_MS * 1000;
	}
	if (now_us < due->probe_us)
		return HF_OK;
	hf_node_retry(&start->node);
	return probe(start, &due->misses, &due->probe_us, why);
}

enum hf_err hf_watch_run(struct hf_watch *watch, struct hf_start *start,
			 struct hf_why *why)
{
	int watchdog_ms = hf_notify_watchdog_ms();
	int beat_ms = watchdog_ms > 0 && watchdog_ms < PROBE_MS ? watchdog_ms
								: PROBE_MS;
	uint64_t now_us = hf_clock_mono_us();
	struct due due = {
		.probe_us = now_us + PROBE_MS * 1000,
		.tick_us = now_us + (uint64_t)HF_NODE_TICK_MS * 1000,
	};
	struct pollfd fds[2] = { { .fd = watch->signals, .events = POLLIN },
				 { .fd = watch->ring, .events = POLLIN } };
	enum hf_err err = HF_OK;

	/* The signer may have been given another key while we were away. */
	hf_own_keys_look(&start->node);
	while (err == HF_OK) {
		int ready = poll(fds, 2,
				 due.misses > 0 && beat_ms > PROBE_AGAIN_MS
					 ? PROBE_AGAIN_MS
					 : beat_ms);

		if (ready > 0 && fds[0].revents != 0 &&
		    !take_signal(watch, start, &due))
			return HF_OK;
		if (ready > 0 && fds[1].revents != 0)
			drain_ring(watch, start);
		err = act_on_time(start, &due, why);
		if (err == HF_OK && watchdog_ms > 0)
			hf_notify("WATCHDOG=1");
	}
	return err;
}
