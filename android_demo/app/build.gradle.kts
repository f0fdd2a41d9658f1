plugins {
    alias(libs.plugins.android.application)
}

val ncnnDir = providers.gradleProperty("ncnn.dir")
    .orElse(rootProject.layout.projectDirectory.dir("ncnn-android").asFile.path)

android {
    namespace = "org.edgekit.demo"
    compileSdk = 36
    ndkVersion = "28.2.13676358"

    defaultConfig {
        applicationId = "org.edgekit.demo"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
        externalNativeBuild {
            cmake {
                arguments += listOf("-DNCNN_ROOT=${ncnnDir.get()}", "-DANDROID_STL=c++_static")
                targets += "edgekit_jni"
            }
        }
    }

    externalNativeBuild {
        cmake {
            path = file("../jni/CMakeLists.txt")
            version = "3.22.1"
        }
    }

    buildTypes {
        debug {
            // a debug build of the core would be timed as one
            externalNativeBuild {
                cmake {
                    arguments += "-DCMAKE_BUILD_TYPE=Release"
                }
            }
        }
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    androidResources {
        // read once and unpacked: compressing them costs time and saves little
        noCompress += listOf("bin", "param")
    }
}

dependencies {
    implementation(project(":logic"))
    implementation(libs.androidx.core)
}
