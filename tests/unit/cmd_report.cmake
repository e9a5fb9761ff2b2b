hf_unit(cmd_report USES base codec rpc client media report cmd HIDES Threads::Threads)
# A run takes a while, so torture takes fewer.
set_tests_properties(torture/cmd_report PROPERTIES
	ENVIRONMENT "HF_TORTURE_MAX=40")
