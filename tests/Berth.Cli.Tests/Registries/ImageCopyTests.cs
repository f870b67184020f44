using System.Text;
using Berth.Cli.Terminal;
using Berth.Cli.Tests.Support;

namespace Berth.Cli.Tests.Registries;

/// <summary><c>image copy</c> and <c>manifest</c> with docker-registry, layouts and archives; no engine is there.</summary>
public sealed class ImageCopyTests(LocalRegistry registry) : IClassFixture<LocalRegistry>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-copy-test-").FullName;
    private readonly string repository = $"{registry.Host}/r{Guid.NewGuid():N}";

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Digests_survive_every_way_and_only_what_is_missing_is_moved()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        Assert.Equal($"{layout.Index}\n4 blobs copied, SIZE; 0 already there\n", await CopyAsync($"oci:{layout.Root}:multi", repository + "/app"));
        Assert.Equal($"{layout.Index}\n0 blobs copied, 0B; 4 already there\n", await CopyAsync($"oci:{layout.Root}:multi", repository + "/app"));
        Assert.Equal($"{layout.Index}\n0 blobs copied, 0B; 4 already there\n", await CopyAsync($"oci:{layout.Root}:multi", repository + "/app:again"));
        Assert.Equal($"{layout.Index}\n0 blobs copied, 0B; 4 mounted; 0 already there\n", await CopyAsync(repository + "/app:multi", repository + "/other"));
        Assert.Equal($"{layout.Index}\n4 blobs copied, SIZE; 0 already there\n", await CopyAsync(repository + "/other:multi", $"archive:{folder}/a.tar"));
        Assert.Equal($"{layout.Index}\n4 blobs copied, SIZE; 0 already there\n", await CopyAsync($"archive:{folder}/a.tar", $"oci:{folder}/out"));
        Assert.Equal($"{layout.Index}\n0 blobs copied, 0B; 4 already there\n", await CopyAsync($"{repository}/app@{layout.Index}", $"oci:{folder}/out:second"));
        foreach (string blob in Directory.EnumerateFiles(Path.Combine(layout.Root, "blobs", "sha256")))
            Assert.Equal(await File.ReadAllBytesAsync(blob), await File.ReadAllBytesAsync(Path.Combine(folder, "out", "blobs", "sha256", Path.GetFileName(blob))));
    }

    [Fact]
    public async Task One_platform_or_all_tags_can_be_taken()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        Assert.EndsWith("2 blobs copied, SIZE; 0 already there\n", await CopyAsync("--platform", "linux/arm64", $"oci:{layout.Root}:multi", repository + "/arm:1"), StringComparison.Ordinal);
        Assert.Contains("has no image for linux/s390x; it has linux/amd64, linux/arm64", await FailAsync("image", "copy", "--platform", "linux/s390x", $"oci:{layout.Root}:multi", repository + "/no"), StringComparison.Ordinal);
        string all = await CopyAsync("--all-tags", "oci:" + layout.Root, repository + "/all");
        Assert.Contains("multi: " + layout.Index, all, StringComparison.Ordinal);
        Assert.EndsWith("4 blobs copied, SIZE; 0 already there\n", all, StringComparison.Ordinal);
        Assert.StartsWith(layout.Index, await CopyAsync(repository + "/all:multi", $"oci:{folder}/out"), StringComparison.Ordinal);
        Assert.Contains("name one of amd64, arm64, multi", await FailAsync("image", "copy", "oci:" + layout.Root, repository + "/no"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_interrupted_is_gone_on_with_and_damage_is_found()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        await CopyAsync($"oci:{layout.Root}:multi", repository + "/app");
        byte[] layer = await File.ReadAllBytesAsync(layout.PathOf(layout.Layers[0]));
        string there = Path.Combine(folder, "out", "blobs", layout.Layers[0].Replace(':', '/'));
        Directory.CreateDirectory(Path.GetDirectoryName(there)!); // below the folder
        await File.WriteAllBytesAsync(there + ".partial", layer[..60_000]);
        await CopyAsync(repository + "/app:multi", $"oci:{folder}/out");
        Assert.Equal(layer, await File.ReadAllBytesAsync(there));
        Assert.False(File.Exists(there + ".partial"));

        layer[70_000] ^= 1;
        await File.WriteAllBytesAsync(layout.PathOf(layout.Layers[0]), layer);
        Assert.Contains($"blob {layout.Layers[0]}", await FailAsync("image", "copy", $"oci:{layout.Root}:multi", $"oci:{folder}/third"), StringComparison.Ordinal);
        Assert.Contains($"{layout.Layers[0]} is damaged", await FailAsync("image", "copy", $"oci:{layout.Root}:multi", $"archive:{folder}/b.tar"), StringComparison.Ordinal);
        Assert.Equal([], Directory.GetFiles(folder, "b.tar*"));
    }

    [Fact]
    public async Task A_present_blob_counts_when_its_content_is_right_and_links_are_not_written_through()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        string[] blobs = [.. layout.Layers.Select(layer => Path.Combine(folder, "out", "blobs", layer.Replace(':', '/')))];
        Directory.CreateDirectory(Path.GetDirectoryName(blobs[0])!); // below the folder
        byte[] wrong = await File.ReadAllBytesAsync(layout.PathOf(layout.Layers[0]));
        wrong[50_000] ^= 1;
        await File.WriteAllBytesAsync(blobs[0], wrong);
        await CopyAsync($"oci:{layout.Root}:amd64", $"oci:{folder}/out");
        Assert.Equal(await File.ReadAllBytesAsync(layout.PathOf(layout.Layers[0])), await File.ReadAllBytesAsync(blobs[0]));

        string mine = Path.Combine(folder, "mine");
        await File.WriteAllTextAsync(mine, "precious");
        File.CreateSymbolicLink(blobs[1] + ".partial", mine);
        Assert.Contains("symbolic link", await FailAsync("image", "copy", $"oci:{layout.Root}:arm64", $"oci:{folder}/out"), StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(mine));
        Assert.False(File.Exists(blobs[1]));
    }

    [Fact]
    public async Task Copies_to_one_layout_at_the_same_time_lose_nothing()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        string[] tags = [.. Enumerable.Range(0, 8).Select(static i => "t" + i)];
        await Task.WhenAll(tags.Select(tag => Task.Run(() => CopyAsync($"oci:{layout.Root}:multi", $"oci:{folder}/out:{tag}"))));
        string index = await File.ReadAllTextAsync(Path.Combine(folder, "out", "index.json"));
        Assert.All(tags, tag => Assert.Contains($"\"{tag}\"", index, StringComparison.Ordinal));
        Assert.Equal(["index.json", "oci-layout"], Directory.GetFiles(Path.Combine(folder, "out")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.GetFiles(Path.Combine(folder, "out"), "*.partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_name_that_is_no_tag_is_not_made_one()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        string file = Path.Combine(layout.Root, "index.json");
        await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("\"multi\"", "\"../../prod/app/manifests/latest\\u001b[2J\"", StringComparison.Ordinal));
        string problem = await FailAsync("image", "copy", "--all-tags", "oci:" + layout.Root, repository + "/app");
        Assert.Contains("calls an image \"../../prod/app/manifests/latest [2J\", which is no tag", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_users_own_mirrors_are_asked_and_never_pushed_to()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        const string Unreachable = "127.0.0.1:1/app"; // nobody listens there
        await CopyAsync($"oci:{layout.Root}:multi", repository + "/app:1");
        await SettingsAsync($$"""{ "registries": { "127.0.0.1:1": { "mirrors": ["http://{{repository}}"], "fallback": false } } }""");
        Assert.StartsWith(layout.Index, await CopyAsync(Unreachable + ":1", $"oci:{folder}/out"), StringComparison.Ordinal);
        Assert.Contains("\"arm64\"", await RunAsync("manifest", "inspect", Unreachable + ":1"), StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:1", await FailAsync("image", "copy", $"oci:{layout.Root}:multi", Unreachable + ":2"), StringComparison.Ordinal);

        await SettingsAsync("""{ "mirrors": [] }""");
        Assert.Equal($"{folder}/config/registries.json: the following directives don't match any configuration option: mirrors\n", await FailAsync("manifest", "inspect", Unreachable + ":1"));
    }

    [Fact]
    public async Task What_a_file_says_in_a_warning_controls_no_terminal()
    {
        Directory.CreateDirectory(Path.Combine(folder, "config"));
        await File.WriteAllTextAsync(Path.Combine(folder, "config", "config.json"), $$"""{ "auths": { "http://{{registry.Host}}/\u001b[2J": { "auth": "?" } } }""");
        (_, _, string error) = await InvokeAsync(["manifest", "inspect", repository + "/none"]);
        Assert.Contains($"the auth of \"http://{registry.Host}/ [2J\" is not base64", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_manifest_list_is_made_of_images_of_several_repositories()
    {
        var layout = new LayoutFolder(Path.Combine(folder, "in"));
        string list = repository + "/list:1";
        await CopyAsync($"oci:{layout.Root}:amd64", repository + "/one:a");
        await CopyAsync($"oci:{layout.Root}:arm64", repository + "/two:b");
        Assert.Equal($"Created manifest list {list}\n", await RunAsync("manifest", "create", list, repository + "/one:a", repository + "/two:b"));
        Assert.Equal("refusing to amend an existing manifest list with no --amend flag\n", await FailAsync("manifest", "create", list, repository + "/one:a"));
        Assert.Equal("", await RunAsync("manifest", "annotate", list, repository + "/two:b", "--os-features", "x,y", "--variant", "v9"));
        string local = await RunAsync("manifest", "inspect", list);
        Assert.Contains("\"variant\": \"v9\"", local, StringComparison.Ordinal);
        string[] pushed = (await RunAsync("manifest", "push", "--purge", list)).Split('\n');
        Assert.Equal(4, pushed.Length); // two images, the list, the end
        Assert.Equal(local, await RunAsync("manifest", "inspect", list)); // now the registry's
        Assert.StartsWith(pushed[2], await CopyAsync(list, $"oci:{folder}/out"), StringComparison.Ordinal); // complete
        Assert.Equal($"No such manifest: {list}\n", await FailAsync("manifest", "rm", list));
    }

    private async Task SettingsAsync(string json)
    {
        Directory.CreateDirectory(Path.Combine(folder, "config"));
        await File.WriteAllTextAsync(Path.Combine(folder, "config", "registries.json"), json);
    }

    private async Task<string> CopyAsync(params string[] arguments)
    {
        string output = await RunAsync(["image", "copy", .. arguments]);
        string[] lines = [.. output.Split('\n').Where(static line => !(line.Length > 14 && line[12] == ':'))]; // blobs, in any order
        return System.Text.RegularExpressions.Regex.Replace(string.Join('\n', lines), "copied, [1-9][^;]*;", "copied, SIZE;");
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        (int status, string output, string error) = await InvokeAsync(arguments);
        Assert.Equal((0, ""), (status, error));
        return output;
    }

    private async Task<string> FailAsync(params string[] arguments)
    {
        (int status, _, string error) = await InvokeAsync(arguments);
        Assert.Equal(1, status);
        return error;
    }

    private async Task<(int Status, string Output, string Error)> InvokeAsync(string[] arguments)
    {
        string own = Path.Combine(folder, "config", "registries.json");
        if (!File.Exists(own))
        {
            Directory.CreateDirectory(Path.Combine(folder, "config"));
            await File.WriteAllTextAsync(own, "{}"); // or the machine's would count
        }

        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var outText = new TextOutput(output);
        var errorText = new TextOutput(error);
        int status = await CommandLine.RunAsync(["-H", "unix:///nonexistent", "--config", Path.Combine(folder, "config"), .. arguments], outText, errorText, Stream.Null);
        outText.Flush();
        errorText.Flush();
        return (status, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }
}
