drover_test(bench/suite NEEDS measure)
drover_test(bench/exactness NEEDS measure lm_kernel m)
add_test(NAME bench/table COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/bench/test_table.py ${PROJECT_SOURCE_DIR}/bench)
set_tests_properties(bench/table PROPERTIES TIMEOUT 120)
