# corral_module(name FOLDERS folder … DEPS …): a static library of the folders' *.cpp and, when there are *_test.cpp
# files, a test program <name>_test; ON_POSTGRESQL: it runs a second time, whole, on a PostgreSQL server of its own. Files are found by name, so adding one needs no change here.
include(GoogleTest)
add_custom_target(unit_tests) # every <module>_test program

function(corral_module name)
  cmake_parse_arguments(M "ON_POSTGRESQL" "" "FOLDERS;DEPS;TEST_DEPS" ${ARGN})
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
    # Cases of suites called Postgres… start a server: they run below, with one for all of them.
    gtest_discover_tests(${name}_test TEST_FILTER -Postgres* DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 120)
    if(M_ON_POSTGRESQL)
      add_test(NAME ${name}_postgresql COMMAND ${name}_test --gtest_brief=1)
      set_tests_properties(${name}_postgresql PROPERTIES LABELS "unit;postgresql" TIMEOUT 1800
        ENVIRONMENT CORRAL_TEST_DATABASE=postgresql)
    endif()
  endif()
endfunction()
