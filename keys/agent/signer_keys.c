#include <stdio.h>
#include <unistd.h>

#include "file.h"
#include "vault.h"

#include "signer_keys.h"

#define PATH_BYTES 4096

enum hf_err hf_signer_load_key(const struct hf_signer_options *options,
			       enum hf_key_role role, const char *suffix,
			       struct hf_key **out_key, struct hf_why *why)
{
	enum hf_vault_trust trust = HF_VAULT_CREDENTIAL;
	char path[PATH_BYTES], name[48];
	enum hf_err err;

	snprintf(name, sizeof(name), "%s%s.key", hf_key_role_name(role),
		 suffix);
	if (options->credentials != NULL) {
		err = hf_file_join(path, sizeof(path), options->credentials,
				   name, why);
		if (err != HF_OK)
			return err;
	}
	if (options->credentials == NULL || access(path, F_OK) != 0) {
		trust = HF_VAULT_OWN;
		err = hf_file_join(path, sizeof(path), options->dir, name, why);
		if (err != HF_OK)
			return err;
	}
	return hf_vault_load(path, trust, role, options->passphrase, out_key,
			     why);
}
