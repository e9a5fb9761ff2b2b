hf_unit(agent USES agent)
add_dependencies(test_agent hashfed-signer)
