# The rules of taking back what was false, searched exhaustively; seconds, needs only python3.
add_test(NAME model/protocol COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/model/protocol.py 2)
set_tests_properties(model/protocol PROPERTIES LABELS unit TIMEOUT 240)
