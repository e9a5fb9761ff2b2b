# LMDB as a rival, which daemon/store knows in another part.
hf_bench(exact USES base sign match HIDES PkgConfig::lmdb Threads::Threads)
