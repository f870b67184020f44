using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace Berth.Model.Json;

/// <summary>Reads the value that the cursor is at, all of it.</summary>
public delegate T JsonRead<out T>(ref JsonCursor json);

/// <summary>
/// Reads a JSON document into records by hand-written code, for programs that live for milliseconds: a serializer builds a description of every type first,
/// which takes longer than all else that such a program does. Errors say where in the document they are (<c>process.rlimits[2].soft</c>). Unknown members are passed
/// over, of several with one name the last counts, and null is the same as nothing: every value can be null.
/// </summary>
public ref struct JsonCursor
{
    private readonly ReadOnlySpan<byte> document;
    private Utf8JsonReader json;

    private JsonCursor(ReadOnlySpan<byte> document)
    {
        this.document = document;
        json = new Utf8JsonReader(document);
    }

    /// <summary>Reads a whole document.</summary>
    /// <returns>Null where it is the word <c>null</c>.</returns>
    /// <exception cref="JsonException">It is not JSON, or something in it is not what it should be.</exception>
    public static T? Parse<T>(ReadOnlySpan<byte> document, JsonRead<T> read)
        where T : class
    {
        try
        {
            var cursor = new JsonCursor(document);
            cursor.json.Read();
            T? value = cursor.Object(read);
            cursor.json.Read(); // what follows is an error, found here
            return value;
        }
        catch (JsonException e) when (e.LineNumber is { } line)
        {
            throw new JsonException($"line {line + 1}, byte {e.BytePositionInLine + 1}: this is not JSON", e);
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("a text or name is not UTF-8", e);
        }
    }

    /// <summary>Goes to the next member's name; false at the object's end, which it leaves behind.</summary>
    public bool Next()
    {
        json.Read();
        return json.TokenType == JsonTokenType.PropertyName;
    }

    /// <summary>After <see cref="Next"/>: whether the member has this name. If so, the cursor is at its value then.</summary>
    public bool Is(ReadOnlySpan<byte> name) => json.ValueTextEquals(name) && json.Read();

    /// <summary>After <see cref="Next"/>: passes over the member.</summary>
    public void Skip() => json.Skip();

    /// <summary>A text without zero bytes, at which the kernel would end it.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public readonly string? Text() => Has(JsonTokenType.String, "a text") ? WithoutZero(Decoded()) : null;

    /// <summary>True or false.</summary>
    /// <exception cref="JsonException">It is neither.</exception>
    public readonly bool? Flag() => json.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        JsonTokenType.Null => null,
        _ => throw Wrong("true or false"),
    };

    /// <summary>A whole number in the range of <typeparamref name="T"/>.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public readonly T? Number<T>()
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (!Has(JsonTokenType.Number, "a whole number"))
            return null;
        return T.TryParse(json.ValueSpan, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value)
            ? value
            : throw Wrong($"a whole number from {T.MinValue} to {T.MaxValue}");
    }

    /// <summary>A point in time, as ISO 8601 has it.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public readonly DateTimeOffset? Time() =>
        !Has(JsonTokenType.String, "a time") ? null : json.TryGetDateTimeOffset(out DateTimeOffset time) ? time : throw Wrong("a time");

    /// <summary>An object; <paramref name="read"/> goes through its members by <see cref="Next"/> to the end.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public T? Object<T>(JsonRead<T> read)
        where T : class => Has(JsonTokenType.StartObject, "an object") ? read(ref this) : null;

    /// <summary>A list of objects, none of which is null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public List<T>? Objects<T>(JsonRead<T> read)
        where T : class
    {
        if (!Has(JsonTokenType.StartArray, "a list"))
            return null;
        var list = new List<T>();
        while (NextItem())
            list.Add(Object(read) ?? throw Wrong("an object"));
        return list;
    }

    /// <summary>A list of texts, none of which is null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public List<string>? Texts()
    {
        if (!Has(JsonTokenType.StartArray, "a list"))
            return null;
        var list = new List<string>();
        while (NextItem())
            list.Add(Text() ?? throw Wrong("a text"));
        return list;
    }

    /// <summary>A list of whole numbers, none of which is null.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public List<uint>? Numbers()
    {
        if (!Has(JsonTokenType.StartArray, "a list"))
            return null;
        var list = new List<uint>();
        while (NextItem())
            list.Add(Number<uint>() ?? throw Wrong("a whole number"));
        return list;
    }

    /// <summary>An object whose members' names are data.</summary>
    /// <exception cref="JsonException">It is none, or one of its values is null.</exception>
    public Dictionary<string, T>? Map<T>(JsonRead<T> read)
        where T : class
    {
        if (!Has(JsonTokenType.StartObject, "an object"))
            return null;
        var map = new Dictionary<string, T>(StringComparer.Ordinal);
        while (Next())
        {
            string name = WithoutZero(Decoded());
            json.Read();
            map[name] = json.TokenType == JsonTokenType.Null ? throw Wrong("a value") : read(ref this);
        }

        return map;
    }

    /// <summary>A <see cref="Map"/> of texts.</summary>
    /// <exception cref="JsonException">It is none, or one of its values is no text.</exception>
    public Dictionary<string, string>? TextMap() => Map(static (ref JsonCursor c) => c.Text()!); // not null: Map has seen to it

    /// <summary>A <see cref="Map"/> of objects.</summary>
    /// <exception cref="JsonException">It is none, or one of its values is no object.</exception>
    public Dictionary<string, T>? ObjectMap<T>(JsonRead<T> read)
        where T : class => Map((ref JsonCursor c) => c.Object(read)!); // not null: Map has seen to it

    /// <summary>What is to be thrown when the object just read lacks a member.</summary>
    public readonly JsonException Lacks(string member) => new($"{Where()}: '{member}' is missing");

    private bool NextItem()
    {
        json.Read();
        return json.TokenType != JsonTokenType.EndArray;
    }

    // Half of a pair of UTF-16 is found only here.
    private readonly string Decoded()
    {
        try
        {
            return json.GetString()!; // not null: it is a text or a name
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException($"{Where()}: this text is not UTF-8", e);
        }
    }

    private readonly string WithoutZero(string text) =>
        text.Contains('\0', StringComparison.Ordinal) ? throw new JsonException($"{Where()}: there is a zero byte inside") : text;

    // False: it is null.
    private readonly bool Has(JsonTokenType type, string wanted) =>
        json.TokenType == type || (json.TokenType == JsonTokenType.Null ? false : throw Wrong(wanted));

    private readonly JsonException Wrong(string wanted)
    {
        string got = json.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "a list",
            JsonTokenType.String => $"\"{Decoded()}\"",
            _ => Encoding.UTF8.GetString(json.ValueSpan),
        };
        return new JsonException($"{Where()}: wanted {wanted}, got {got}");
    }

    // Nobody keeps the path while all is well: it is found by going there once more.
    private readonly string Where()
    {
        var path = new List<(string Name, int Index)>(); // of each object or list around the cursor
        var again = new Utf8JsonReader(document);
        while (again.Read())
        {
            bool isEnd = again.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray;
            if (isEnd && again.TokenStartIndex < json.TokenStartIndex)
                path.RemoveAt(path.Count - 1);
            else if (again.TokenType == JsonTokenType.PropertyName)
                path[^1] = ("." + again.GetString(), -1);
            else if (!isEnd && path.Count > 0 && path[^1].Index >= 0)
                path[^1] = ($"[{path[^1].Index}]", path[^1].Index + 1);
            if (again.TokenStartIndex >= json.TokenStartIndex)
                break;
            if (again.TokenType is JsonTokenType.StartObject)
                path.Add(("", -1));
            else if (again.TokenType is JsonTokenType.StartArray)
                path.Add(("", 0));
        }

        if (json.TokenType == JsonTokenType.EndObject && path.Count > 0)
            path.RemoveAt(path.Count - 1); // the object itself, not its last member
        string text = string.Concat(path.Select(static p => p.Name)).TrimStart('.');
        return text.Length > 0 ? text : "the document";
    }
}
