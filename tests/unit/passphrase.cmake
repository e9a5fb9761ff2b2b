hf_unit(passphrase USES vault)
