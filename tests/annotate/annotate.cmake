# A store for tests of the page: tests/e2e/annotate.py, tests/browser.
add_executable(make_store annotate/make_store.c)
target_link_libraries(make_store PRIVATE prefs)
set_target_properties(make_store PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
drover_test(annotate/markdown NEEDS annotate)
drover_test(annotate/said NEEDS annotate)
