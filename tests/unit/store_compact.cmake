hf_unit(store_compact THREADS USES base store
	HIDES Threads::Threads ${CMAKE_DL_LIBS})
