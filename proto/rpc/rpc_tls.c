#include <stdlib.h>
#include <string.h>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/string_util.h>

#include "rpc_trust.h"

/* What a handshake asks: a server's trust, or a channel's own callback. */
struct verifier {
	grpc_tls_certificate_verifier_external external;
	struct hf_rpc_trust *trust; /* borrowed; NULL on the client */
	hf_rpc_admit *admit;
	void *arg;
};

static int on_verify(void *self,
		     grpc_tls_custom_verification_check_request *request,
		     grpc_tls_on_custom_verification_check_done_cb done,
		     void *done_arg, grpc_status_code *out_status,
		     char **out_text)
{
	const struct verifier *verifier = self;
	const char *pem = request->peer_info.peer_cert;
	struct hf_rpc_identity identity;
	enum hf_err err = HF_E_UNAUTHENTICATED;

	memset(&identity, 0, sizeof(identity));
	if (pem != NULL && verifier->trust != NULL)
		err = hf_rpc_trust_check(verifier->trust, hf_span_of(pem),
					 &identity);
	else if (pem != NULL)
		err = verifier->admit(verifier->arg, hf_span_of(pem),
				      &identity);
	if (err == HF_OK) {
		*out_status = GRPC_STATUS_OK;
	} else {
		*out_status = GRPC_STATUS_UNAUTHENTICATED;
		*out_text = gpr_strdup("certificate is not admitted");
	}
	return 1; /* Decided here and now. */
}

static void
on_verify_cancel(void *self,
		 grpc_tls_custom_verification_check_request *request)
{
}

static void on_verifier_gone(void *self)
{
	free(self);
}

static grpc_tls_credentials_options *
options_new(const struct verifier *like, const struct hf_rpc_keypair *keypair)
{
	struct verifier *verifier = malloc(sizeof(*verifier));
	grpc_tls_certificate_verifier *wrapped;
	grpc_tls_certificate_provider *provider;
	grpc_tls_credentials_options *options;
	grpc_tls_identity_pairs *pairs;

	if (verifier == NULL)
		return NULL;
	*verifier = *like;
	verifier->external = (grpc_tls_certificate_verifier_external){
		verifier, on_verify, on_verify_cancel, on_verifier_gone
	};
	wrapped = grpc_tls_certificate_verifier_external_create(
		&verifier->external);
	pairs = grpc_tls_identity_pairs_create();
	grpc_tls_identity_pairs_add_pair(pairs, keypair->key_pem,
					 keypair->cert_pem);
	/* Our own certificate as the only root: nothing is checked against
	 * it, but without one a client loads the system's bundle (25 ms), or
	 * fails where there is none. */
	provider = grpc_tls_certificate_provider_static_data_create(
		keypair->cert_pem, pairs);
	options = grpc_tls_credentials_options_create();
	grpc_tls_credentials_options_set_certificate_provider(options,
							      provider);
	grpc_tls_credentials_options_watch_identity_key_cert_pairs(options);
	grpc_tls_credentials_options_set_certificate_verifier(options, wrapped);
	grpc_tls_certificate_verifier_release(wrapped);
	grpc_tls_certificate_provider_release(provider);
	return options;
}

grpc_server_credentials *hf_rpc_tls_server(struct hf_rpc_trust *trust,
					   const struct hf_rpc_keypair *keypair)
{
	const struct verifier like = { .trust = trust };
	grpc_tls_credentials_options *options = options_new(&like, keypair);

	if (options == NULL)
		return NULL;
	/* "Don't verify" means chains; the verifier runs all the same. */
	grpc_tls_credentials_options_set_cert_request_type(
		options,
		GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
	return grpc_tls_server_credentials_create(options);
}

grpc_channel_credentials *
hf_rpc_tls_client(hf_rpc_admit *admit, void *arg,
		  const struct hf_rpc_keypair *keypair)
{
	const struct verifier like = { .admit = admit, .arg = arg };
	grpc_tls_credentials_options *options = options_new(&like, keypair);

	if (options == NULL)
		return NULL;
	grpc_tls_credentials_options_watch_root_certs(options);
	grpc_tls_credentials_options_set_verify_server_cert(options, 0);
	grpc_tls_credentials_options_set_check_call_host(options, 0);
	return grpc_tls_credentials_create(options);
}
