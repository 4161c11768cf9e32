foreach(unit bestof bootstrap bradley calibration components kendall mean normal rank roc share student)
  drover_test(stats/${unit} NEEDS stats)
endforeach()
# Coverage of the intervals by simulation: prints the tables.
add_executable(coverage ${CMAKE_CURRENT_SOURCE_DIR}/stats/coverage.c)
target_link_libraries(coverage PRIVATE stats)
add_test(NAME long/coverage COMMAND coverage)
set_tests_properties(long/coverage PROPERTIES LABELS long TIMEOUT 1200)
