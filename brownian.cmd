@echo off
rem Runs brownian from a clone on Windows: builds it first where it was not built, or where its sources changed.
dotnet build "%~dp0services\Cli\Cli.csproj" -c Release --nologo -v quiet 1>&2 || exit /b 1
"%~dp0artifacts\bin\Cli\release\brownian.exe" %*
