// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OnNode} from "./OnNode.sol";
import {DigitLock} from "../src/examples/DigitLock.sol";
import {LanguageGate} from "../src/examples/LanguageGate.sol";
import {IAI} from "../src/interfaces/IAI.sol";

/// @dev The networks are those of ai/onnx/testdata, imported by the Go test: DIGITS and LANGUAGE are their encodings,
/// SEVEN is a picture.
contract AIOnNode is OnNode {
    address private constant AI = address(0x0300);

    function upload(bytes memory model) private returns (bytes32 id) {
        id = keccak256(model);
        send(AI, abi.encodeCall(IAI.putChunk, (model)));
        bytes32[] memory chunks = new bytes32[](1);
        chunks[0] = id;
        send(AI, abi.encodeCall(IAI.registerModel, (chunks)));
        bytes32[] memory stored = abi.decode(ask(AI, abi.encodeCall(IAI.chunksOf, (id))), (bytes32[]));
        require(stored.length == 1 && stored[0] == id, "the chunks of the model");
    }

    function test_aWrittenSevenOpensTheBoxAndNothingElse() public {
        bytes memory seven = VM.envBytes("SEVEN");
        bytes32 model = upload(VM.envBytes("DIGITS"));
        address box =
            deploy(abi.encodePacked(type(DigitLock).creationCode, abi.encode(model, uint256(7), uint256(5))), 1 ether);
        (uint256 label,) = abi.decode(ask(box, abi.encodeCall(DigitLock.read, (seven))), (uint256, uint256));
        require(label == 7, "the picture is read as another digit");
        refuses(
            box, abi.encodeCall(DigitLock.open, (new bytes(784))), DigitLock.NotTheDigit.selector, "an empty picture"
        );
        refuses(box, abi.encodeCall(DigitLock.open, (new bytes(783))), IAI.InvalidInput.selector, "a short picture");
        send(box, abi.encodeCall(DigitLock.open, (seven)));
        require(balance(box) == 0, "the box is not empty");
    }

    function test_theBoardTakesFinglishAndNothingElse() public {
        bytes32 model = upload(VM.envBytes("LANGUAGE"));
        address board = deploy(abi.encodePacked(type(LanguageGate).creationCode, abi.encode(model, uint256(1))), 0);
        send(board, abi.encodeCall(LanguageGate.post, ("salam khoobi? farda miram khoone, shab bekheir")));
        refuses(
            board,
            abi.encodeCall(LanguageGate.post, ("hello, are you going home tomorrow? good night")),
            LanguageGate.OtherLanguage.selector,
            "English"
        );
        refuses(
            board,
            abi.encodeCall(LanguageGate.post, (unicode"سلام خوبی؟ فردا می‌روم خانه")),
            LanguageGate.OtherLanguage.selector,
            "Persian"
        );
    }
}
