hf_unit(bundle USES base sign tlog codec case notice ring bundle)
hf_unit(bundle_forged USES base sign tlog codec case notice ring bundle)
hf_unit(bundle_odd USES base sign tlog codec case notice ring bundle)
