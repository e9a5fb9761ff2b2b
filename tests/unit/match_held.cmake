hf_unit(match_held THREADS USES base sign match)
# A merge is held before its file gets its name, and the clock stands still.
target_link_options(test_match_held PRIVATE
	LINKER:--wrap=rename,--wrap=hf_clock_mono_us)
