using Berth.Api;
using Berth.Cli.Registries;

namespace Berth.Cli.Tests.Registries;

/// <summary>Programs that keep credentials, as scripts in PATH.</summary>
public sealed class CredentialHelperTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-helper-").FullName;
    private readonly string path = Environment.GetEnvironmentVariable("PATH")!; // a test runner has one
    private readonly string name = "berth-test-" + Guid.NewGuid().ToString("N");

    public CredentialHelperTests() => Environment.SetEnvironmentVariable("PATH", folder + ":" + path);

    private string Config => Path.Combine(folder, "config.json");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PATH", path);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void What_is_stored_comes_back()
    {
        Install("""
            case "$1" in
            store) cat > "$D/kept" ;;
            get) cat > "$D/asked"; cat "$D/kept" ;;
            list) echo '{"r.example":"joe"}' ;;
            erase) rm "$D/kept" ;;
            esac
            """);
        File.WriteAllText(Config, $$"""{"credsStore":"{{name}}"}""");
        RegistryCredentials credentials = RegistryCredentials.Open(Config);
        var auth = new RegistryAuth { Username = "joe", Password = "p\"w", ServerAddress = "r.example" };
        Assert.False(credentials.Store(auth)); // nothing is in the file
        Assert.Equal("""{"ServerURL":"r.example","Username":"joe","Secret":"p\"w"}""", File.ReadAllText(Path.Combine(folder, "kept")));
        Assert.DoesNotContain("p\\\"w", File.ReadAllText(Config), StringComparison.Ordinal);
        Assert.Contains("\"r.example\": {}", File.ReadAllText(Config), StringComparison.Ordinal);
        Assert.Equal(auth, RegistryCredentials.Open(Config).Get("r.example"));
        Assert.Equal("r.example", File.ReadAllText(Path.Combine(folder, "asked")));
        Assert.Equal([auth], RegistryCredentials.Open(Config).GetAll().Values);
        Assert.Contains("\"auth\": \"" + Convert.ToBase64String("joe:p\"w"u8), System.Text.Encoding.UTF8.GetString(RegistryCredentials.Open(Config).Export()), StringComparison.Ordinal);
        credentials.Erase("r.example");
        Assert.False(File.Exists(Path.Combine(folder, "kept")));
        Assert.DoesNotContain("r.example", File.ReadAllText(Config), StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_is_one_in_both_directions()
    {
        Install("""case "$1" in store) cat > "$D/kept" ;; get) cat "$D/kept" ;; esac""");
        File.WriteAllText(Config, $$"""{"credHelpers":{"r.example":"{{name}}"} }""");
        RegistryCredentials.Open(Config).Store(new RegistryAuth { Username = "joe", IdentityToken = "tok", ServerAddress = "r.example" });
        Assert.Equal("""{"ServerURL":"r.example","Username":"<token>","Secret":"tok"}""", File.ReadAllText(Path.Combine(folder, "kept")));
        Assert.Equal(new RegistryAuth { IdentityToken = "tok", ServerAddress = "r.example" }, RegistryCredentials.Open(Config).Get("r.example"));
        Assert.Null(RegistryCredentials.Open(Config).Get("other.example")); // kept in the file
    }

    [Theory]
    [InlineData("cat >/dev/null; echo credentials not found in native keychain; exit 1", null)]
    [InlineData("echo it is locked; exit 2", "error getting credentials - err: exit status 2, out: `it is locked`")]
    [InlineData("kill -9 $$", "error getting credentials - err: signal 9, out: ``")]
    [InlineData("head -c 5000000 /dev/zero", "error getting credentials - err: answer too long: more than 1048576 bytes, out: ``")]
    [InlineData("echo '[secret'", "answered with something else than a JSON object")]
    public void Failures_are_told(string script, string? problem)
    {
        Install(script);
        File.WriteAllText(Config, $$"""{"credsStore":"{{name}}"}""");
        if (problem is null)
            Assert.Null(RegistryCredentials.Open(Config).Get("r.example"));
        else
            Assert.EndsWith(problem, Assert.Throws<CommandFailedException>(() => RegistryCredentials.Open(Config).Get("r.example")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_program_is_named()
    {
        File.WriteAllText(Config, """{"credsStore":"nosuchprogram"}""");
        Assert.Equal(
            "error storing credentials - err: exec: \"docker-credential-nosuchprogram\": executable file not found in $PATH, out: ``",
            Assert.Throws<CommandFailedException>(() => RegistryCredentials.Open(Config).Store(new RegistryAuth { Username = "u", Password = "p", ServerAddress = "r" })).Message);
    }

    private void Install(string script)
    {
        string file = Path.Combine(folder, "docker-credential-" + name);
        File.WriteAllText(file, $"#!/bin/sh\nD={folder}\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
