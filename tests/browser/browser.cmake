# A tier of its own, `ctest --preset release -L browser`: it needs chromium, chromedriver and python3-selenium.
add_test(NAME browser/annotate COMMAND ${CMAKE_CURRENT_LIST_DIR}/annotate.sh ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(browser/annotate PROPERTIES LABELS browser TIMEOUT 600 RUN_SERIAL ON SKIP_RETURN_CODE 77)
add_test(NAME browser/exercise COMMAND ${CMAKE_CURRENT_LIST_DIR}/exercise.sh ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(browser/exercise PROPERTIES LABELS browser TIMEOUT 600 RUN_SERIAL ON SKIP_RETURN_CODE 77)
add_test(NAME browser/loop COMMAND ${CMAKE_CURRENT_LIST_DIR}/loop.sh ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(browser/loop PROPERTIES LABELS browser TIMEOUT 600 RUN_SERIAL ON SKIP_RETURN_CODE 77)
