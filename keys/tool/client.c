/*
 * hashfed-key client: certificates for people and programs of our own.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "cert.h"
#include "file.h"
#include "ringdir.h"

#include "made.h"
#include "tool.h"

#define DAYS_DEFAULT 90
#define DAYS_MAX     397

static enum hf_err dates_of(const struct hf_tool *tool,
			    struct hf_cert_dates *out_dates, struct hf_why *why)
{
	uint64_t days;
	enum hf_err err = hf_tool_number(tool, HF_TOOL_DAYS, 1, DAYS_MAX,
					 DAYS_DEFAULT, &days, why);

	if (err != HF_OK)
		return err;
	out_dates->not_before_ms = tool->now_ms - HF_FUTURE_MAX_MS;
	out_dates->not_after_ms = tool->now_ms + days * HF_TOOL_DAY_MS;
	return HF_OK;
}

/* What signs: the client-issuing key and its certificate. */
static enum hf_err load_issuer(struct hf_tool *tool, struct hf_key **out_key,
			       struct hf_span *out_pem, struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err;

	err = hf_tool_path(path, tool->ring, "clients-ca.crt", why);
	if (err == HF_OK)
		err = hf_tool_read(tool, path, out_pem, why);
	if (err == HF_OK)
		err = hf_tool_online_key(tool, HF_KEY_CLIENTS, out_key, why);
	return err;
}

/* client.key, client.crt, and node.crt to know the daemon by. */
static enum hf_err put_client(struct hf_tool *tool, const char *dir,
			      const struct hf_cert_made *client,
			      struct hf_made *made, struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE];
	struct hf_span node;
	enum hf_err err;

	err = hf_tool_path(path, tool->tls, "node.crt", why);
	if (err == HF_OK)
		err = hf_tool_read(tool, path, &node, why);
	if (err == HF_OK)
		err = hf_made_dir(made, dir, 0700, why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "client.key", why);
	if (err == HF_OK)
		err = hf_made_file(made, path, hf_span_of(client->key_pem),
				   0600, why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "client.crt", why);
	if (err == HF_OK)
		err = hf_made_file(made, path, hf_span_of(client->cert_pem),
				   0644, why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "node.crt", why);
	if (err == HF_OK)
		err = hf_made_file(made, path, node, 0644, why);
	return err;
}

enum hf_err hf_tool_client_issue(struct hf_tool *tool, struct hf_why *why)
{
	const char *word = hf_tool_option(tool, HF_TOOL_DUTY);
	const char *dir = hf_tool_option(tool, HF_TOOL_OUT);
	struct hf_cert_client client = {
		.name = hf_span_of(tool->args[0]),
		.duty = hf_duty_parse(hf_span_of(word)),
	};
	struct hf_key *issuer = NULL;
	static struct hf_made made;
	struct hf_cert_made cert;
	struct hf_span issuer_pem;
	char until[HF_TOOL_DATE_SIZE];
	enum hf_err err;

	if (client.duty == 0 || client.duty == HF_DUTY_PEER)
		return hf_why(why, HF_E_ARGUMENT,
			      "--duty takes one of analyst, scanner, operator "
			      "and reader");
	if (dir == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--out names the directory for client.key, "
			      "client.crt and node.crt");
	err = dates_of(tool, &client.dates, why);
	if (err == HF_OK)
		err = load_issuer(tool, &issuer, &issuer_pem, why);
	if (err == HF_OK)
		err = hf_cert_client_new(issuer->secret, issuer_pem, &client,
					 &cert, why);
	hf_key_free(issuer);
	if (err != HF_OK)
		return err;
	err = put_client(tool, dir, &cert, &made, why);
	/* Remembered last: what is in the ring was handed out. */
	if (err == HF_OK)
		err = hf_ring_save_client(tool->ring, hf_span_of(cert.cert_pem),
					  why);
	hf_cert_made_wipe(&cert);
	if (err != HF_OK) {
		hf_made_undo(&made);
		return err;
	}
	hf_tool_date(client.dates.not_after_ms, until);
	printf("%s may connect as %s until %s with what is in '%s'.\n",
	       tool->args[0], word, until, dir);
	return HF_OK;
}

enum hf_err hf_tool_client_list(struct hf_tool *tool, struct hf_why *why)
{
	const struct hf_ring_client *clients;
	struct hf_ring *ring;
	enum hf_err err;
	size_t count;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	count = hf_ring_clients(ring, &clients);
	if (count > 0)
		printf("%-24s %-8s %-32s %-10s %s\n", "NAME", "DUTY", "SERIAL",
		       "UNTIL", "STATE");
	for (size_t i = 0; i < count; i++) {
		const struct hf_cert_info *info = &clients[i].info;
		char serial[2 * HF_CERT_SERIAL_MAX_BYTES + 1];
		char until[HF_TOOL_DATE_SIZE];
		const char *state = "valid";

		if (clients[i].is_revoked)
			state = "revoked";
		else if (tool->now_ms > info->not_after_ms)
			state = "expired";
		hf_hex(info->serial, info->serial_len_bytes, serial);
		hf_tool_date(info->not_after_ms, until);
		printf("%-24s %-8s %-32s %-10s %s\n", info->name,
		       hf_duty_name(info->duty), serial, until, state);
	}
	hf_ring_release(ring);
	return HF_OK;
}

/* Does the argument mean this certificate? */
static bool is_meant(const struct hf_ring_client *client, const char *text)
{
	char serial[2 * HF_CERT_SERIAL_MAX_BYTES + 1];

	hf_hex(client->info.serial, client->info.serial_len_bytes, serial);
	return strcmp(client->info.name, text) == 0 ||
	       strcmp(serial, text) == 0;
}

enum hf_err hf_tool_client_revoke(struct hf_tool *tool, struct hf_why *why)
{
	const struct hf_ring_client *clients;
	size_t count, revoked = 0;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	count = hf_ring_clients(ring, &clients);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		const struct hf_cert_info *info = &clients[i].info;

		if (clients[i].is_revoked ||
		    !is_meant(&clients[i], tool->args[0]))
			continue;
		err = hf_ring_revoke_client(
			tool->ring,
			hf_span(info->serial, info->serial_len_bytes),
			tool->now_ms, why);
		revoked++;
	}
	hf_ring_release(ring);
	if (err == HF_OK && revoked == 0)
		err = hf_why(why, HF_E_NOTFOUND,
			     "no valid certificate with the name or serial "
			     "'%.80s'",
			     tool->args[0]);
	if (err == HF_OK)
		printf("Revoked %zu certificate%s of %s.\n", revoked,
		       revoked == 1 ? "" : "s", tool->args[0]);
	return err;
}

/* The newest that was not revoked; its PEM text out of the ring. */
static enum hf_err find_renewable(struct hf_tool *tool, struct hf_span *out_pem,
				  struct hf_why *why)
{
	char serial[2 * HF_CERT_SERIAL_MAX_BYTES + 1], name[128];
	const struct hf_ring_client *clients, *found = NULL;
	char path[HF_TOOL_PATH_SIZE];
	struct hf_ring *ring;
	enum hf_err err;
	size_t count;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	count = hf_ring_clients(ring, &clients);
	for (size_t i = 0; i < count; i++) {
		/* By name, those that end later come later. */
		if (!clients[i].is_revoked &&
		    is_meant(&clients[i], tool->args[0]))
			found = &clients[i];
	}
	if (found == NULL) {
		err = hf_why(why, HF_E_NOTFOUND,
			     "no certificate with the name or serial '%.80s' "
			     "that was not revoked",
			     tool->args[0]);
	} else {
		hf_hex(found->info.serial, found->info.serial_len_bytes,
		       serial);
		snprintf(name, sizeof(name), "clients/%s.crt", serial);
		err = hf_tool_path(path, tool->ring, name, why);
	}
	hf_ring_release(ring);
	return err == HF_OK ? hf_tool_read(tool, path, out_pem, why) : err;
}

enum hf_err hf_tool_client_renew(struct hf_tool *tool, struct hf_why *why)
{
	const char *dir = hf_tool_option(tool, HF_TOOL_OUT);
	struct hf_span old_pem, issuer_pem;
	struct hf_key *issuer = NULL;
	char path[HF_TOOL_PATH_SIZE];
	char until[HF_TOOL_DATE_SIZE];
	struct hf_cert_dates dates;
	char pem[HF_CERT_SIZE];
	enum hf_err err;

	if (dir == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--out names the directory whose client.crt is "
			      "replaced");
	err = dates_of(tool, &dates, why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "client.crt", why);
	if (err == HF_OK)
		err = find_renewable(tool, &old_pem, why);
	if (err == HF_OK)
		err = load_issuer(tool, &issuer, &issuer_pem, why);
	if (err == HF_OK)
		err = hf_cert_client_renew(issuer->secret, issuer_pem, old_pem,
					   dates, pem, why);
	if (err == HF_OK)
		err = hf_ring_save_client(tool->ring, hf_span_of(pem), why);
	if (err == HF_OK)
		err = hf_file_replace(path, hf_span_of(pem), 0644, why);
	hf_key_free(issuer);
	if (err != HF_OK)
		return err;
	hf_tool_date(dates.not_after_ms, until);
	printf("'%s' is valid until %s.\n", path, until);
	return HF_OK;
}
