hf_unit(signer_record USES agent)
# The disk may refuse.
target_link_options(test_signer_record PRIVATE
	LINKER:--wrap=pwrite,--wrap=fdatasync,--wrap=fsync)
