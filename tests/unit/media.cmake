hf_unit(media USES base media decode paint HIDES Threads::Threads)
add_dependencies(test_media hashfed-media)
