hf_unit(cert USES cert HIDES OpenSSL::Crypto)
