plugins {
    `java-library`
}

// Plain Java: no class of Android but org.json, so that all of it runs on any JVM.
tasks.withType<JavaCompile>().configureEach {
    options.release = 11
}

dependencies {
    // the classes that Android brings itself, to compile against
    compileOnly(libs.json)
}
