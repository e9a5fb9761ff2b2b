#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "sign.h"
#include "text.h"

#include "client_inside.h"

/* ---- who the server is ---- */

static void refuse(struct hf_client *client, enum hf_err err,
		   const struct hf_why *why)
{
	pthread_mutex_lock(&client->lock);
	client->refused = err;
	client->refusal = *why;
	pthread_mutex_unlock(&client->lock);
}

/* Inside a TLS handshake, on a thread of gRPC's. */
static enum hf_err admit(void *arg, struct hf_span pem,
			 struct hf_rpc_identity *out_identity)
{
	struct hf_client *client = arg;
	char hex[2 * HF_CERT_PIN_BYTES + 1];
	struct hf_why why = { "" };
	struct hf_cert_info info;
	enum hf_err err = hf_cert_inspect(pem, &info, &why);

	if (err == HF_OK &&
	    memcmp(info.pin, client->pin, sizeof(info.pin)) != 0) {
		hf_hex(info.pin, sizeof(info.pin), hex);
		err = hf_why(&why, HF_E_UNAUTHENTICATED,
			     "%s: wrong server: its key has the pin %s, not "
			     "the one of --pin",
			     client->place, hex);
	}
	if (err == HF_OK && info.not_after_ms < hf_clock_wall_ms())
		err = hf_why(&why, HF_E_EXPIRED,
			     "%s: the server's certificate has expired",
			     client->place);
	if (err != HF_OK) {
		refuse(client, err, &why);
		return err;
	}
	pthread_mutex_lock(&client->lock);
	client->is_admitted = true;
	pthread_mutex_unlock(&client->lock);
	*out_identity = (struct hf_rpc_identity){ .kind = HF_RPC_PEER };
	snprintf(out_identity->name, sizeof(out_identity->name), "%s",
		 info.domain);
	return HF_OK;
}

/* gRPC tells of every attempt; the last says what is the matter. */
static const char *last_words(const char *text)
{
	const char *last = strstr(text, "last error: ");

	return last != NULL ? last + strlen("last error: ") : text;
}

enum hf_err hf_client_worded(struct hf_client *client, enum hf_err err,
			     struct hf_why *why)
{
	struct hf_why said = { "" };

	if (err != HF_E_UNAVAILABLE && err != HF_E_CANCELLED)
		return err;
	if (why != NULL)
		said = *why;
	if (!client->is_remote)
		return hf_why(why, err, "the daemon at %s: %s", client->place,
			      said.text);
	pthread_mutex_lock(&client->lock);
	if (client->refused != HF_OK) {
		err = client->refused;
		if (why != NULL)
			*why = client->refusal;
	} else if (client->is_admitted) {
		/* It was there and hung up: it does not know us, or stopped. */
		err = hf_why(why, err,
			     "the daemon at %s closed the connection: is our "
			     "certificate one of its own, and not revoked? "
			     "(%.80s)",
			     client->place, last_words(said.text));
	} else if (strstr(said.text, "Failed to create secu") != NULL) {
		/* gRPC's words for a pair that OpenSSL does not take. */
		err = hf_why(why, HF_E_ARGUMENT,
			     "the certificate and the key do not belong "
			     "together: give --cert and --key of one client");
	} else {
		err = hf_why(why, err, "no daemon answers at %s: %.120s",
			     client->place, last_words(said.text));
	}
	pthread_mutex_unlock(&client->lock);
	return err;
}

/* ---- opening ---- */

static enum hf_err read_pem(const char *path, struct hf_buf *buf,
			    struct hf_why *why)
{
	enum hf_err err;

	hf_buf_init(buf, HF_CERT_PEM_MAX_BYTES);
	err = hf_file_read(path, buf, why);
	if (err == HF_OK) {
		hf_buf_put_u8(buf, 0);
		err = hf_buf_failed(buf);
	}
	return err;
}

static struct hf_span text_of(const struct hf_buf *buf)
{
	return hf_span(buf->at, buf->len_bytes - 1);
}

static enum hf_err read_own(struct hf_client *client,
			    const struct hf_client_options *options,
			    struct hf_why *why)
{
	struct hf_cert_info info;
	enum hf_err err = read_pem(options->cert_path, &client->cert, why);

	if (err == HF_OK)
		err = read_pem(options->key_path, &client->key, why);
	if (err != HF_OK)
		return err;
	err = hf_cert_inspect(text_of(&client->cert), &info, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "%s: ", options->cert_path);
		return err;
	}
	if (info.not_after_ms < hf_clock_wall_ms())
		return hf_why(why, HF_E_EXPIRED,
			      "%s: this certificate has expired: renew it with "
			      "hashfed-key client renew",
			      options->cert_path);
	if (strstr((const char *)client->key.at, "PRIVATE KEY") == NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "%s: not a private key in PEM",
			      options->key_path);
	return HF_OK;
}

static enum hf_err take_remote(struct hf_client *client,
			       const struct hf_client_options *options,
			       struct hf_why *why)
{
	client->is_remote = true;
	if (options->cert_path == NULL || options->key_path == NULL ||
	    options->pin == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--server needs --cert, --key and --pin as well");
	if (!hf_text_is_endpoint(hf_span_of(options->server)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--server '%.200s': give host:port",
			      options->server);
	if (hf_hex_parse(hf_span_of(options->pin), client->pin,
			 sizeof(client->pin)) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "--pin: give the SHA-256 of the server's public "
			      "key, 64 hex digits");
	snprintf(client->place, sizeof(client->place), "%s", options->server);
	return read_own(client, options, why);
}

static enum hf_err dial(struct hf_client *client, struct hf_why *why)
{
	char target[HF_CLIENT_PLACE_SIZE + 8];
	const struct hf_rpc_channel_options options = {
		.loop = client->loop,
		.target = target,
		.keypair = { .key_pem = (const char *)client->key.at,
			     .cert_pem = (const char *)client->cert.at },
		.admit = admit,
		.arg = client,
	};

	snprintf(target, sizeof(target), "%s%s",
		 client->is_remote ? "" : "unix:", client->place);
	return hf_rpc_channel_open(&options, &client->channel, why);
}

/* gRPC's threads leave signals to the one that knows what they mean. */
static enum hf_err start(struct hf_client *client, struct hf_why *why)
{
	sigset_t all, before;
	enum hf_err err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	hf_rpc_start(NULL);
	err = hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &client->loop, why);
	if (err == HF_OK) {
		err = dial(client, why);
		if (err != HF_OK)
			hf_rpc_loop_free(client->loop);
	}
	if (err != HF_OK)
		hf_rpc_stop();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void client_free(struct hf_client *client)
{
	if (client->key.at != NULL)
		hf_wipe(client->key.at, client->key.len_bytes);
	hf_buf_release(&client->key);
	hf_buf_release(&client->cert);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

enum hf_err hf_client_open(const struct hf_client_options *options,
			   struct hf_client **out_client, struct hf_why *why)
{
	struct hf_client *client = calloc(1, sizeof(*client));
	enum hf_err err;

	if (client == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a client");
	pthread_mutex_init(&client->lock, NULL);
	err = options->server != NULL
		      ? take_remote(client, options, why)
		      : hf_client_find(options->run_dir, options->duties,
				       client->place, why);
	if (err == HF_OK)
		err = start(client, why);
	if (err != HF_OK) {
		client_free(client);
		return err;
	}
	*out_client = client;
	return HF_OK;
}

void hf_client_close(struct hf_client *client)
{
	if (client == NULL)
		return;
	hf_rpc_channel_close(client->channel);
	hf_rpc_loop_free(client->loop);
	hf_rpc_stop();
	client_free(client);
}

const char *hf_client_place(const struct hf_client *client)
{
	return client->place;
}
