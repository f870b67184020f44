using Berth.Api;
using Berth.Cli.Registries;

namespace Berth.Cli.Tests.Registries;

public sealed class ConfigFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-config-").FullName;

    private string File => Path.Combine(folder, "config.json");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void What_is_not_changed_is_kept_byte_for_byte()
    {
        System.IO.File.WriteAllText(File, "{\n  \"HttpHeaders\": {\"X-A\":  \"b\\u00e9\"},\n\t\"auths\": {\"z.example\":{\"auth\":\"am9lOnB3\", \"own\" : [1,  2.50]}},\n  \"zzz\": [1, 2,   3.50, \"a\\u003c<>\"]}");
        Assert.True(RegistryCredentials.Open(File).Store(new RegistryAuth { Username = "joe", Password = "pw", ServerAddress = "a.example" }));
        Assert.Equal(
            "{\n\t\"HttpHeaders\": {\"X-A\":  \"b\\u00e9\"},\n\t\"auths\": {\n\t\t\"a.example\": {\n\t\t\t\"auth\": \"am9lOnB3\"\n\t\t},\n\t\t\"z.example\": {\"auth\":\"am9lOnB3\", \"own\" : [1,  2.50]}\n\t},\n\t\"zzz\": [1, 2,   3.50, \"a\\u003c<>\"]\n}",
            System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void A_new_file_is_as_the_stock_CLI_writes_it_and_for_its_owner_alone()
    {
        string file = Path.Combine(folder, "new", "config.json");
        RegistryCredentials credentials = RegistryCredentials.Open(file);
        Assert.True(credentials.Store(new RegistryAuth { Username = "joe", Password = "secret", ServerAddress = "localhost:5000" }));
        Assert.False(credentials.Store(new RegistryAuth { Username = "joe", Password = "secret", ServerAddress = "localhost:5000" })); // as before
        Assert.False(credentials.Store(new RegistryAuth { Username = "joe", IdentityToken = "idtok", ServerAddress = "t.example" })); // no password
        Assert.Equal(
            "{\n\t\"auths\": {\n\t\t\"localhost:5000\": {\n\t\t\t\"auth\": \"am9lOnNlY3JldA==\"\n\t\t},\n\t\t\"t.example\": {\n\t\t\t\"auth\": \"am9lOg==\",\n\t\t\t\"identitytoken\": \"idtok\"\n\t\t}\n\t}\n}",
            System.IO.File.ReadAllText(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode(Path.GetDirectoryName(file)!)); // it has a folder
        Assert.Equal([file], Directory.GetFiles(Path.GetDirectoryName(file)!)); // as above
        credentials.Erase("t.example");
        credentials.Erase("nosuch");
        Assert.DoesNotContain("t.example", System.IO.File.ReadAllText(file), StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_stays_one()
    {
        string target = Path.Combine(folder, "target.json");
        System.IO.File.WriteAllText(target, "{}");
        System.IO.File.CreateSymbolicLink(File, "target.json");
        RegistryCredentials.Open(File).Store(new RegistryAuth { Username = "a", Password = "b", ServerAddress = "r" });
        Assert.Equal("target.json", new FileInfo(File).LinkTarget);
        Assert.Contains("\"r\"", System.IO.File.ReadAllText(target), StringComparison.Ordinal);
    }

    [Fact]
    public void Entries_are_found_under_old_spellings_of_their_registry()
    {
        System.IO.File.WriteAllText(File, """{"auths":{"https://a.example/v1/":{"auth":"am9lOnB3","email":"e@x"},"b.example":{"username":"u","password":"p"},"c.example":{"identitytoken":"IT","auth":"am9lOg=="},"d.example":{"registrytoken":"RT"},"http://e.example":{"auth":"am9lOnB3"},"f.example":{"auth":"am9l"},"g.example":3}}""");
        RegistryCredentials credentials = RegistryCredentials.Open(File);
        Assert.Equal(new RegistryAuth { Username = "joe", Password = "pw", Email = "e@x", ServerAddress = "https://a.example/v1/" }, credentials.Get("a.example"));
        Assert.Equal(new RegistryAuth { Username = "u", Password = "p", ServerAddress = "b.example" }, credentials.Get("b.example"));
        Assert.Equal(new RegistryAuth { Username = "joe", IdentityToken = "IT", ServerAddress = "c.example" }, credentials.Get("c.example"));
        Assert.Equal(new RegistryAuth { RegistryToken = "RT", ServerAddress = "d.example" }, credentials.Get("d.example"));
        Assert.Equal("joe", credentials.Get("e.example")?.Username);
        Assert.Null(credentials.Get("nosuch"));
        Assert.Contains("auth of \"f.example\" is not base64", Assert.Throws<CommandFailedException>(() => credentials.Get("f.example")).Message, StringComparison.Ordinal);
        Assert.Contains("\"g.example\" is no object", Assert.Throws<CommandFailedException>(() => credentials.Get("g.example")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "no JSON object")]
    [InlineData("{\"a\":", "not JSON")]
    public void A_broken_file_is_told_and_left_alone(string text, string problem)
    {
        System.IO.File.WriteAllText(File, text);
        Assert.Contains(problem, Assert.Throws<CommandFailedException>(() => RegistryCredentials.Open(File)).Message, StringComparison.Ordinal);
        Assert.Equal(text, System.IO.File.ReadAllText(File));
    }

    [Theory]
    [InlineData("", "https://index.docker.io/v1/")]
    [InlineData("docker.io", "https://index.docker.io/v1/")]
    [InlineData("https://Reg.example/v2/", "Reg.example")]
    [InlineData("http://plain.example:80/x/y", "plain.example:80")]
    [InlineData("localhost:5000", "localhost:5000")]
    public void A_server_has_one_key(string server, string key) => Assert.Equal(key, RegistryKey.OfServer(server));

    [Fact]
    public void Secrets_are_in_no_text() =>
        Assert.DoesNotContain("pw", new RegistryAuth { Username = "u", Password = "pw", Auth = "pw", IdentityToken = "pw", RegistryToken = "pw", ServerAddress = "r" }.ToString(), StringComparison.Ordinal);
}
