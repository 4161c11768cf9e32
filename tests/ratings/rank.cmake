foreach(unit votes leaderboard)
  drover_test(ratings/${unit} NEEDS ratings support)
endforeach()
# Coverage of a leaderboard's intervals by simulation: prints the table.
add_executable(coverage_rank ${CMAKE_CURRENT_SOURCE_DIR}/ratings/coverage_rank.c)
target_link_libraries(coverage_rank PRIVATE ratings)
add_test(NAME long/coverage_rank COMMAND coverage_rank)
set_tests_properties(long/coverage_rank PROPERTIES LABELS long TIMEOUT 1200)
