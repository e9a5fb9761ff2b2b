hf_fuzz(cert USES cert)
