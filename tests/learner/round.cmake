# The exact optima of every method over the fleet: minutes, so by hand and nightly.
# After ppo.cmake, whose BED_WRAPS the bed needs.
add_executable(exact_methods ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_methods.c
  ${CMAKE_CURRENT_SOURCE_DIR}/learner/play.c)
target_link_libraries(exact_methods PRIVATE test_bed)
target_link_options(exact_methods PRIVATE ${BED_WRAPS})
