# corral_module(name FOLDERS folder … DEPS …): a static library of the folders' *.cpp and, when there are *_test.cpp
# files, a test program <name>_test. Files are found by name, so adding one needs no change here.
include(GoogleTest)
add_custom_target(unit_tests) # every <module>_test program

function(corral_module name)
  cmake_parse_arguments(M "" "" "FOLDERS;DEPS;TEST_DEPS" ${ARGN})
  list(TRANSFORM M_FOLDERS REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/\\1/*.cpp" OUTPUT_VARIABLE patterns)
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(sources)
    add_library(corral_${name} STATIC ${sources})
    target_include_directories(corral_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(corral_${name} PUBLIC ${M_DEPS})
  else()
    add_library(corral_${name} INTERFACE)
    target_include_directories(corral_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(corral_${name} INTERFACE ${M_DEPS})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests) # tests/support
    target_link_libraries(${name}_test PRIVATE corral_${name} ${M_TEST_DEPS} GTest::gtest GTest::gtest_main)
    add_dependencies(unit_tests ${name}_test)
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()
