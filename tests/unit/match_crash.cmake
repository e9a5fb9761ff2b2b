# Its threads are those of match_files, which ThreadSanitizer sees: a process
# for each of a thousand faults takes it four minutes.
hf_unit(match_crash USES base sign match)
# What the index asks of files goes through the test, which may refuse it.
target_link_options(test_match_crash PRIVATE
	LINKER:--wrap=open,--wrap=close,--wrap=write,--wrap=pwrite,--wrap=fsync
	LINKER:--wrap=rename,--wrap=unlink,--wrap=unlinkat
	LINKER:--wrap=posix_fallocate)
