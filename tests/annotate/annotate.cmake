include(${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz.cmake)
# A store for tests of the page: tests/e2e/annotate.py, tests/browser.
add_executable(make_store annotate/make_store.c)
target_link_libraries(make_store PRIVATE prefs)
set_target_properties(make_store PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
drover_test(annotate/markdown NEEDS annotate)
drover_test(annotate/said NEEDS annotate)
# By hand as well: people, seconds, items, and "kill" for kill -9 at random moments.
add_test(NAME long/annotate COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/../long/annotate_load.py ${PROJECT_BINARY_DIR}/bin 50 30 1000)
add_test(NAME long/annotate_backup COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/../e2e/annotate_backup.py ${PROJECT_BINARY_DIR}/bin 200 40 10000)
set_tests_properties(long/annotate long/annotate_backup PROPERTIES LABELS long TIMEOUT 600 RUN_SERIAL ON)
# Bodies of POSTs, through the routes.
drover_fuzz(page SEEDS fuzz/seeds/page NEEDS annotate)
