include(${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz.cmake)
drover_fuzz(member SEEDS fuzz/seeds/member NEEDS actor rewarder learner_journal every mend)
