hf_unit(feed_epoch THREADS USES base sign tlog codec rpc cert ring agent match sys
	conf store ledger peer service)
